"""From a host to an open session: its addresses in turn, with the security its policy asks for."""

import asyncio
import errno
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import NamedTuple

import structlog
from msgspec import Struct
from msgspec.structs import replace

from mta.attempt import Broken, Path, Phase, Refused, Trouble
from mta.dialogue import Line, remark
from mta.lane import Lane
from mta.routing.route import Host, NoRoute, Route
from mta.routing.security import Security
from mta.smtp.ended import Ended
from mta.smtp.hosts import Hosts
from mta.smtp.opening import Manners, Opening
from mta.smtp.session import Need, Session
from mta.smtp.tls import Securities
from mta.smtp.wire import Wire
from mta.traffic.rule import Family, Rule

_log = structlog.get_logger("mta.smtp")

Addresses = Callable[[Host], Awaitable[tuple[str, ...] | NoRoute]]
"""A host's addresses in the order to try, those that mail may be sent to."""

_OURS = {errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EINVAL}
"""Errors of connecting that say nothing about the host."""

_BROKEN_BEFORE = Broken(Trouble.TLS_FAILED, "TLS failed here before and is not tried again for a while")


class Undialled(NamedTuple):
    """No session came of it. `dead`: the host could not be talked to at all. `dialogue`: what was said at the last try."""

    ended: Ended
    path: Path
    dead: bool = False
    dialogue: Sequence[Line] = ()

    @property
    def said(self) -> Sequence[Line]:
        """What was said or, where no connection came about, why not."""
        if isinstance(self.ended.ending, Broken) and not self.dialogue:
            return (remark(f"to {self.path.mx_host}: {self.ended.ending.text}"),)
        return self.dialogue


class Call(Struct, frozen=True, kw_only=True):
    """Who calls whom, and how. `unmet`: see `mta.attempt.Path`."""

    lane: Lane
    route: Route
    rule: Rule
    host: Host
    need: Need
    unmet: Broken | None = None

    @property
    def path(self) -> Path:
        source, host = self.lane.source, self.host.name
        return Path(site=self.lane.site, mx_host=host, source_ip=source.address, helo=source.helo, unmet=self.unmet)


class Dialler:
    """Opens sessions. `hosts` keeps what is learnt on the way."""

    def __init__(self, addresses: Addresses, securities: Securities, hosts: Hosts) -> None:
        self._addresses = addresses
        self._securities = securities
        self._hosts = hosts

    async def dial(self, call: Call) -> Session | Undialled:
        """An open session to the host, or how the last try for one ended."""
        security = await self._securities(call.route, call.host, call.need.tls)
        found = await self._addresses(call.host) if isinstance(security, Security) else security
        if isinstance(found, NoRoute) or isinstance(security, NoRoute):
            way = found if isinstance(found, NoRoute) else security
            assert isinstance(way, NoRoute)
            return Undialled(Ended(Phase.DNS, Broken(way.trouble, way.text)), call.path)
        result: Session | Undialled = _no_family(call)
        for address in eligible(found, call.lane.source.address, call.rule.ip):
            result = await self._address(call, address, security)
            if isinstance(result, Session) or not isinstance(result.ended.ending, Broken):
                break
        self._remember(call.host, result)
        return result

    def _remember(self, host: Host, result: Session | Undialled) -> None:
        if isinstance(result, Session):
            self._hosts.lives(host)
        elif result.dead:
            self._hosts.died(host, monotonic())

    async def _address(self, call: Call, address: str, security: Security) -> Session | Undialled:
        """One address, in clear where TLS is known to be broken or turns out to be, and nobody insists on it."""
        if security.testing is not None:
            tested = await self._test(call, address, security.testing)
            if not isinstance(tested, NoRoute):
                return tested
            _log.warning("sts_testing", domain=call.route.domain, host=str(call.host), fault=tested.text)
            call = replace(call, unmet=Broken(tested.trouble, tested.text))
        if not security.required and self._hosts.is_plain(call.host, monotonic()):
            security = replace(security, wanted=False)
            call = replace(call, unmet=call.unmet or _BROKEN_BEFORE)
        result = await self._open(call, address, security)
        if security.required or isinstance(result, Session) or not _tls_failed(result.ended):
            return result
        assert isinstance(result.ended.ending, Broken)
        call = replace(call, unmet=call.unmet or result.ended.ending)
        plain = await self._open(call, address, replace(security, wanted=False))
        if isinstance(plain, Session):
            self._hosts.breaks_tls(call.host, monotonic())
        return plain

    async def _test(self, call: Call, address: str, testing: Security | NoRoute) -> Session | Undialled | NoRoute:
        """As if a domain's policy were in force already; NoRoute: it would have kept the mail back."""
        if isinstance(testing, NoRoute):
            return testing
        result = await self._open(call, address, testing)
        if isinstance(result, Session) or result.ended.phase is not Phase.STARTTLS:
            return result
        match result.ended.ending:
            case Broken(trouble, text):
                return NoRoute(trouble, text)
            case Refused(reply):
                return NoRoute(Trouble.TLS_MISSING, f"the server refuses STARTTLS: {reply.line}")
            case _:
                return result

    async def _open(self, call: Call, address: str, security: Security) -> Session | Undialled:
        path = replace(call.path, remote_ip=address)
        wire = await _connect(call, address)
        if isinstance(wire, OSError):
            return _unconnected(wire, path)
        sockname = wire.socket_name
        path = replace(path, source_ip=sockname[0] if sockname else path.source_ip)
        opening = Opening(wire, _manners(call, address, security))
        ready = False
        try:
            failed = await opening.run()
            ready = failed is None
        finally:
            if not ready:
                wire.abort()
        path = replace(path, tls=opening.tls)
        dialogue = [remark(f"to {call.host.name} [{address}]:{call.host.port}"), *opening.dialogue()]
        if failed is not None:
            return Undialled(failed, path, failed.phase in (Phase.BANNER, Phase.EHLO), dialogue)
        session = Session(wire, call.host, call.need, path, opening.offers)
        session.opening = dialogue
        session.banner_time = opening.banner_time
        return session


async def _connect(call: Call, address: str) -> Wire | OSError:
    loop, source = asyncio.get_running_loop(), call.lane.source.address
    try:
        async with asyncio.timeout(call.rule.timeouts.connect):
            _, wire = await loop.create_connection(
                lambda: Wire(loop, call.rule.timeouts.banner),
                address,
                call.host.port,
                local_addr=(source, 0) if source else None,
            )
    except OSError as fault:  # TimeoutError is one
        return fault
    return wire


def _unconnected(fault: OSError, path: Path) -> Undialled:
    if isinstance(fault, TimeoutError):
        text = f"no connection to {path.remote_ip} in time"
        return Undialled(Ended(Phase.CONNECT, Broken(Trouble.TIMEOUT, text)), path, dead=True)
    why = fault.strerror or str(fault)
    text = f"no connection to {path.remote_ip}: {why}"
    return Undialled(Ended(Phase.CONNECT, Broken(Trouble.UNREACHABLE, text)), path, dead=fault.errno not in _OURS)


def _manners(call: Call, address: str, security: Security) -> Manners:
    return Manners(
        helo=call.lane.source.helo,
        name=call.host.name,
        security=security,
        login=call.need.login,
        loopback=ipaddress.ip_address(address).is_loopback,
        timeouts=call.rule.timeouts,
    )


def eligible(addresses: Sequence[str], source: str | None, family: Family) -> list[str]:
    """The addresses to try, in order: a family without a source is not tried, nor one that the rule leaves out."""
    left = [address for address in addresses if source is None or (":" in address) == (":" in source)]
    match family:
        case Family.ANY:
            return left
        case Family.IPV4 | Family.IPV6:
            return [address for address in left if (":" in address) == (family is Family.IPV6)]
        case Family.IPV4_FIRST | Family.IPV6_FIRST:
            return sorted(left, key=lambda address: (":" in address) != (family is Family.IPV6_FIRST))


def _no_family(call: Call) -> Undialled:
    text = f"{call.host.name} has no address that {call.lane.source.name} and rule {call.rule.name} may send to"
    return Undialled(Ended(Phase.CONNECT, Broken(Trouble.UNREACHABLE, text)), call.path)


def _tls_failed(ended: Ended) -> bool:
    return isinstance(ended.ending, Broken) and ended.ending.trouble is Trouble.TLS_FAILED
