"""Sessions kept open per lane and host, lent for one mail at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mta.attempt import Attempt, Broken, Path, Phase, Refused, Trouble
from mta.lane import Lane
from mta.routing.route import Host, NoRoute, Route
from mta.smtp import Intend, Mail
from mta.smtp.session import Ended, Security, Session
from mta.smtp.wire import Wire
from mta.traffic.rule import Rule, TlsPolicy

Addresses = Callable[[Host], Awaitable[tuple[str, ...] | NoRoute]]


@dataclass(slots=True, eq=False)
class Kept:
    """A session, where it leads, and when it was last used."""

    session: Session
    host: Host
    address: str
    source_ip: str | None
    idle_since: float = 0.0


@dataclass(slots=True)
class _Shelf:
    """A lane's sessions: idle ones, and how many are open in all."""

    idle: list[Kept] = field(default_factory=list)
    open: int = 0


class Pool:
    """`Relay` over kept sessions."""

    def __init__(self, addresses: Addresses, clock: Callable[[], float] = time.time) -> None:
        self._addresses = addresses
        self._clock = clock
        self._shelves: dict[Lane, _Shelf] = {}
        self._plain: set[Host] = set()  # hosts whose TLS is broken

    async def send(self, mail: Mail, lane: Lane, route: Route, rule: Rule, intend: Intend) -> Attempt:
        began, started = self._clock(), time.monotonic()
        ended, path, banner = Ended(Phase.CONNECT, Broken(Trouble.UNREACHABLE, "no host")), Path(site=lane.site), None
        for host in route.hosts:
            ended, path, banner = await self._try(mail, lane, route, rule, host, intend)
            if not _elsewhere(ended):
                break
        return Attempt(
            phase=ended.phase,
            ending=ended.ending,
            path=path,
            began_at=began,
            duration=time.monotonic() - started,
            banner_time=banner,
            dot_time=ended.dot_time,
        )

    async def _try(self, mail, lane, route, rule, host, intend):  # type: ignore[no-untyped-def]
        while True:
            kept, fresh = self._idle(lane, rule, host), False
            if kept is None:
                fresh = True
                found = await self._dial(lane, route, rule, host)
                if not isinstance(found, Kept):
                    ended, address = found
                    return (
                        ended,
                        Path(site=lane.site, mx_host=host.name, remote_ip=address, helo=lane.source.helo),
                        None,
                    )
                kept = found
            path = Path(
                site=lane.site,
                mx_host=host.name,
                remote_ip=kept.address,
                source_ip=kept.source_ip,
                helo=lane.source.helo,
                tls=kept.session.tls,
            )
            try:
                ended = await self._transact(kept.session, mail, intend)
            finally:
                self._give_back(kept, lane, rule)
            if ended.untouched and not fresh:
                continue  # the server had hung up in the meantime
            return ended, path, kept.session.banner_time if fresh else None

    async def _transact(self, session: Session, mail: Mail, intend: Intend) -> Ended:
        if mail.envelope.needs_smtputf8 and not session.offers.smtputf8:
            return Ended(
                Phase.MAIL, Broken(Trouble.NEEDS_SMTPUTF8, "the server does not take UTF-8 addresses or headers")
            )
        content = await mail.compose(session.offers)
        if isinstance(content, Broken):
            return Ended(Phase.MAIL, content)
        if session.offers.size is not None and len(content) > session.offers.size:
            text = f"{len(content)} octets, the server takes at most {session.offers.size}"
            return Ended(Phase.MAIL, Broken(Trouble.TOO_LARGE, text))
        return await session.transact(mail, content, intend)

    def _idle(self, lane: Lane, rule: Rule, host: Host) -> Kept | None:
        shelf = self._shelves.setdefault(lane, _Shelf())
        now = time.monotonic()
        for kept in [k for k in shelf.idle if not k.session.usable or now - k.idle_since > rule.timeouts.idle]:
            self._drop(kept, shelf)
        for kept in reversed(shelf.idle):
            if kept.host == host:
                shelf.idle.remove(kept)
                return kept
        if shelf.idle and shelf.open >= rule.connections:
            self._drop(shelf.idle[0], shelf)
        return None

    def _drop(self, kept: Kept, shelf: _Shelf) -> None:
        shelf.idle.remove(kept)
        shelf.open -= 1
        asyncio.ensure_future(kept.session.quit())  # noqa: RUF006

    def _give_back(self, kept: Kept, lane: Lane, rule: Rule) -> None:
        shelf = self._shelves[lane]
        if kept.session.usable and kept.session.messages < rule.messages_per_connection:
            kept.idle_since = time.monotonic()
            shelf.idle.append(kept)
            asyncio.get_running_loop().call_later(
                rule.timeouts.idle + 0.1, self._expire, kept, shelf, rule.timeouts.idle
            )
        else:
            shelf.open -= 1
            asyncio.ensure_future(kept.session.quit())  # noqa: RUF006

    def _expire(self, kept: Kept, shelf: _Shelf, idle: float) -> None:
        if kept in shelf.idle and time.monotonic() - kept.idle_since >= idle:
            self._drop(kept, shelf)

    async def _dial(self, lane: Lane, route: Route, rule: Rule, host: Host) -> Kept | tuple[Ended, str | None]:
        found = await self._addresses(host)
        if isinstance(found, NoRoute):
            return Ended(Phase.DNS, Broken(found.trouble, found.text)), None
        result: Kept | tuple[Ended, str | None] = Ended(Phase.CONNECT, Broken(Trouble.UNREACHABLE, "no address")), None
        for address in found:
            if lane.source.address is not None and (":" in address) != (":" in lane.source.address):
                continue
            result = await self._connect(lane, route, rule, host, address)
            if isinstance(result, Kept) or not _elsewhere(result[0]):
                return result
            if _tls_trouble(result[0]) and rule.tls is TlsPolicy.OPPORTUNISTIC:
                self._plain.add(host)
                result = await self._connect(lane, route, rule, host, address)
                if isinstance(result, Kept):
                    return result
        return result

    async def _connect(self, lane, route, rule, host, address):  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        local = (lane.source.address, 0) if lane.source.address else None
        try:
            async with asyncio.timeout(rule.timeouts.connect):
                transport, wire = await loop.create_connection(lambda: Wire(loop), address, host.port, local_addr=local)
        except TimeoutError:
            return Ended(Phase.CONNECT, Broken(Trouble.TIMEOUT, f"no connection to {address} in time")), address
        except OSError as fault:
            return Ended(Phase.CONNECT, Broken(Trouble.UNREACHABLE, str(fault))), address
        session = Session(wire, rule.timeouts)
        strict = rule.tls in (TlsPolicy.REQUIRED, TlsPolicy.MTA_STS, TlsPolicy.DANE)
        wanted = rule.tls is not TlsPolicy.NONE and (strict or host not in self._plain)
        secure = Security(host.name, wanted=wanted, required=strict)
        shelf = self._shelves.setdefault(lane, _Shelf())
        ended = await session.open(
            lane.source.helo, secure=secure, login=route.login, local=address in ("127.0.0.1", "::1")
        )
        if ended is not None:
            return ended, address
        shelf.open += 1
        return Kept(session, host, address, transport.get_extra_info("sockname")[0])

    async def close(self) -> None:
        for shelf in self._shelves.values():
            await asyncio.gather(*(kept.session.quit() for kept in shelf.idle))
            shelf.idle.clear()


def _elsewhere(ended: Ended) -> bool:
    """Another host may do better: nothing was said about this mail."""
    before = (Phase.DNS, Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS)
    if isinstance(ended.ending, Refused) and ended.ending.reply.code == 421 and ended.phase is not Phase.BODY:
        return True
    return ended.phase in before and isinstance(ended.ending, Refused | Broken)


def _tls_trouble(ended: Ended) -> bool:
    return ended.phase is Phase.STARTTLS and isinstance(ended.ending, Broken)
