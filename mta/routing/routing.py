"""The way to a domain: configured routes first, then its MX records, then the addresses of its hosts."""

import asyncio
import socket
from collections.abc import Collection
from dataclasses import dataclass
from random import Random

from mta.attempt import Trouble
from mta.envelope import Domain, a_form
from mta.routing.address import allowed, is_address
from mta.routing.answer import Answer, Dns, Failure
from mta.routing.mx import Exchanger, exchangers, in_order
from mta.routing.route import Host, NoRoute, Route
from mta.routing.routes import Routes
from mta.routing.site import site_of

MAX_READINGS = 100_000
MAX_ADDRESSES = 6
"""Addresses of one host that are ever tried; both families are among them when both are published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What routing may use. `port` is that of hosts found by DNS; `own_names` and `own_addresses` are this sender's, where
    mail would loop."""

    port: int = 25
    allow_private_mx: bool = False
    own_names: Collection[str] = ()
    own_addresses: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """What an answer for MX means."""

    answer: Answer
    hosts: tuple[Exchanger, ...] | NoRoute
    site: str


class Routing:
    """Finds routes and addresses. Give it a `Cache` as `dns`: it asks for every message."""

    def __init__(self, routes: Routes, dns: Dns, policy: Policy, rng: Random) -> None:
        self._routes = routes
        self.dns = dns
        self._policy = policy
        self._rng = rng
        self._readings: dict[str, _Reading] = {}

    async def route(self, domain: str) -> Route | NoRoute:
        """The site and hosts for a recipient's domain (A-form, lower case), equal preferences in a new order each time."""
        if not isinstance(a_form(domain), Domain):
            return NoRoute(Trouble.NO_DOMAIN, f"{domain!r} is no domain")
        if configured := self._routes.find(domain):
            return configured
        found = await self.dns.query(domain, "MX")
        if isinstance(found, Failure):
            return NoRoute(found.trouble, found.text)
        read = self._read(domain, found)
        if isinstance(read.hosts, NoRoute):
            return read.hosts
        return Route(
            site=read.site,
            domain=domain,
            hosts=tuple(Host(name, self._policy.port) for name in in_order(read.hosts, self._rng)),
            secure_mx=found.authentic,
        )

    def _read(self, domain: str, answer: Answer) -> _Reading:
        """What an answer says, worked out once for as long as it holds."""
        read = self._readings.get(domain)
        if read is None or read.answer is not answer:
            if len(self._readings) >= MAX_READINGS:
                self._readings.clear()
            published = [Exchanger(mx.preference, str(mx.exchange).rstrip(".").lower()) for mx in answer.records]
            hosts = exchangers(domain, published, self._policy.own_names)
            site = "" if isinstance(hosts, NoRoute) else site_of(host.name for host in hosts)
            read = self._readings[domain] = _Reading(answer, hosts, site)
        return read

    async def addresses(self, host: Host) -> tuple[str, ...] | NoRoute:
        """The addresses to connect to, in the order to try, IPv4 and IPv6 in turn; those of hosts found by DNS only as
        far as the address policy allows. Connect to these and never to the name: it may have others by then."""
        if is_address(host.name):
            return self._permitted(host, [host.name])
        four, six = await asyncio.gather(self.dns.query(host.name, "A"), self.dns.query(host.name, "AAAA"))
        found = _in_turn(self._shuffled(four), self._shuffled(six))
        if not found and host.configured:
            found = await _system_addresses(host)
        return self._permitted(host, found) if found else _no_address(host, four, six)

    def _shuffled(self, result: Answer | Failure) -> list[str]:
        if isinstance(result, Failure):
            return []
        return self._rng.sample([record.address for record in result.records], len(result.records))

    def _permitted(self, host: Host, found: list[str]) -> tuple[str, ...] | NoRoute:
        policy = self._policy
        permitted = [
            address
            for address in found
            if host.configured or allowed(address, private=policy.allow_private_mx, own=policy.own_addresses)
        ]
        if not permitted:
            return NoRoute(
                Trouble.FORBIDDEN_ADDRESS,
                f"{host.name} has no address that mail may be sent to: {', '.join(found[:3])}",
            )
        return tuple(permitted[:MAX_ADDRESSES])


def _no_address(host: Host, *results: Answer | Failure) -> NoRoute:
    """Why a host has no address: for good only if nobody failed to answer."""
    for result in results:
        if isinstance(result, Failure) and result.trouble in (Trouble.DNS_FAILURE, Trouble.DNS_TIMEOUT):
            return NoRoute(result.trouble, result.text)
    return NoRoute(Trouble.NO_ADDRESS, f"{host.name} has no address")


async def _system_addresses(host: Host) -> list[str]:
    """What the operating system knows of a configured name (the hosts file, for one)."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _in_turn(four: list[str], six: list[str]) -> list[str]:
    paired = [address for pair in zip(four, six, strict=False) for address in pair]
    return paired + four[len(six) :] + six[len(four) :]
