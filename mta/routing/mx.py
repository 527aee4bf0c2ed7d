"""What a domain's MX records say about where its mail goes (RFC 5321 section 5.1, RFC 7505). Pure."""

import re
from collections.abc import Collection, Iterable
from random import Random

from msgspec import Struct

from mta.attempt import Trouble
from mta.routing.route import NoRoute

MAX_HOSTS = 32
"""Hosts of one domain that are ever looked at; a domain may publish as many as it likes."""

_HOST_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_-]*[a-z_][a-z0-9_-]*")


class Exchanger(Struct, frozen=True, order=True):
    """One MX record: the lower the preference, the sooner it is tried. The name is lower case, without a final dot."""

    preference: int
    name: str


def exchangers(
    domain: str, published: Collection[Exchanger], own: Collection[str] = ()
) -> tuple[Exchanger, ...] | NoRoute:
    """The hosts that take a domain's mail, in order of preference and name, or why there are none.

    `published` are its MX records, the root written as the empty name; none at all means that the domain is its own host.
    `own` are this sender's names: hosts of the same or a worse preference would bring the mail back here.
    """
    if not published:
        return _short_of(domain, (Exchanger(0, domain),), own)
    if all(record.name == "" for record in published):
        return NoRoute(Trouble.NULL_MX, f"{domain} publishes a null MX: it takes no mail")
    usable = sorted({record for record in published if _HOST_NAME.fullmatch(record.name)})
    if not usable:
        return NoRoute(Trouble.NO_ADDRESS, f"the MX records of {domain} name no host")
    best: dict[str, Exchanger] = {}
    for record in usable:
        best.setdefault(record.name, record)
    return _short_of(domain, tuple(best.values())[:MAX_HOSTS], own)


def in_order(hosts: Iterable[Exchanger], rng: Random) -> list[str]:
    """Host names by preference, those of equal preference in random order, as RFC 5321 wants it."""
    drawn = [(host.preference, rng.random(), host.name) for host in hosts]
    return [name for _, _, name in sorted(drawn)]


def _short_of(domain: str, hosts: tuple[Exchanger, ...], own: Collection[str]) -> tuple[Exchanger, ...] | NoRoute:
    """The hosts that are nearer to the domain than this sender is."""
    limit = min((host.preference for host in hosts if host.name in own), default=None)
    if limit is None:
        return hosts
    nearer = tuple(host for host in hosts if host.preference < limit)
    return nearer or NoRoute(
        Trouble.FORBIDDEN_ADDRESS, f"mail for {domain} would loop: its best MX host is this sender"
    )
