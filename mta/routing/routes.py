"""Configured routes: which domains do not go where DNS says. Pure; the first match wins."""

import fnmatch
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mta.envelope import Domain, a_form
from mta.routing.route import Host, Login, Route
from mta.routing.site import site_of

_HOST = re.compile(r"(?:\[(?P<literal>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_WILD = re.compile(r"[*?\[\]]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One `[[route]]`: a glob on recipient domains and the hosts for them, in the order to try."""

    domain: str
    hosts: tuple[Host, ...]
    site: str | None = None
    tls: str | None = None
    login: Login | None = None


class Routes:
    """All configured routes, in order.

    `find` gives the route for a domain in A-form, lower case; None: DNS decides. `*.x` does not match `x`.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = [(_glob(entry.domain), entry) for entry in entries]
        self.find = lru_cache(maxsize=65536)(self._find)

    def _find(self, domain: str) -> Route | None:
        for pattern, entry in self._entries:
            if pattern.match(domain):
                site = entry.site or site_of(host.name if host.port == 25 else str(host) for host in entry.hosts)
                return Route(site=site, domain=domain, hosts=entry.hosts, static=True, tls=entry.tls, login=entry.login)
        return None


def parse_host(text: str, *, default_port: int = 25) -> Host | str:
    """The host of a route, written `name:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; or what is wrong with it."""
    found = _HOST.fullmatch(text.strip())
    if found is None:
        return f"{text!r} is no host: write name:port, or [address]:port for IPv6"
    port = int(found["port"]) if found["port"] else default_port
    if not 0 < port < 65536:
        return f"{text!r} has a port outside 1 to 65535"
    name = found["literal"] or found["name"]
    try:
        return Host(str(ipaddress.ip_address(name)), port, configured=True)
    except ValueError:
        pass
    match a_form(name.removesuffix(".")):
        case Domain(a_name) if found["literal"] is None:
            return Host(a_name, port, configured=True)
        case Domain():
            return f"{text!r} has a name in brackets, where an address is wanted"
        case fault:
            return f"{text!r} {fault}"


def _glob(pattern: str) -> re.Pattern[str]:
    """A glob whose labels without wild cards are brought to A-form, as the domains are that it is compared with."""
    labels = [label if _WILD.search(label) else _a_label(label) for label in pattern.lower().split(".")]
    return re.compile(fnmatch.translate(".".join(labels)))


def _a_label(label: str) -> str:
    match a_form(label):
        case Domain(name):
            return name
        case _:
            return label
