"""Sessions kept open per lane, lent for one mail at a time, or for two with the second behind the first one's final dot.

What goes to whom is decided in `mta.smtp.shelf`; here it is carried out. Up to twice as many mails as a rule has
connections may be sent in a lane at once: then the way to the server and back is never empty.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic, time
from typing import NamedTuple

from mta.attempt import Attempt, Broken, Path, Phase, Trouble
from mta.lane import Lane
from mta.routing.route import Route
from mta.smtp import Intend, Mail
from mta.smtp.dial import Addresses, Call, Dialler, Undialled
from mta.smtp.ended import Ended
from mta.smtp.hosts import Hosts
from mta.smtp.letter import Letter
from mta.smtp.session import Need, Session
from mta.smtp.shelf import Closing, Leave, Shelf, Wish
from mta.smtp.tls import Securities, by_policy
from mta.traffic.rule import Rule, TlsPolicy

_MAX_HOSTS = 5
"""Hosts of a route that one attempt tries."""

_MAX_LOST = 3
"""Sessions found dead before a mail no longer goes behind another's final dot."""


class _Way(NamedTuple):
    """All of a send but the mail."""

    lane: Lane
    shelf: Shelf
    route: Route
    rule: Rule
    need: Need


class _Tried(NamedTuple):
    """How the last try ended, and the facts of it that go into the attempt (which see)."""

    ended: Ended
    path: Path
    banner_time: float | None = None
    nth: int | None = None


class Pool:
    """`Relay` over kept sessions. `clock` gives POSIX time; `securities` says what a TLS policy means for a host."""

    def __init__(
        self, addresses: Addresses, clock: Callable[[], float] = time, securities: Securities = by_policy
    ) -> None:
        self._clock = clock
        self._hosts = Hosts()
        self._dialler = Dialler(addresses, securities, self._hosts)
        self._shelves: dict[Lane, Shelf] = {}
        self._sweeps: dict[Lane, asyncio.TimerHandle] = {}
        self._leaving: set[Session] = set()
        self._closed = False

    def __repr__(self) -> str:
        lanes = (f"{lane}: {len(shelf.idle)} idle, {shelf.lent} lent" for lane, shelf in self._shelves.items())
        return f"<Pool {'; '.join(lanes) or 'empty'}>"

    async def send(self, mail: Mail, lane: Lane, route: Route, rule: Rule, intend: Intend) -> Attempt:
        began_at, started = self._clock(), monotonic()
        shelf = self._shelves.get(lane)
        if shelf is None:
            shelf = self._shelves[lane] = Shelf()
            self._sweep_later(lane, rule.timeouts.idle, rule.timeouts.idle)
        way = _Way(lane, shelf, route, rule, _need(route, rule))
        letter = Letter(mail)
        ended, path, banner_time, nth = await self._try_hosts(way, letter, intend)
        return Attempt(
            phase=ended.phase,
            ending=ended.ending,
            path=path,
            began_at=began_at,
            duration=monotonic() - started,
            banner_time=banner_time,
            dot_time=ended.dot_time,
            nth=nth,
            rule=rule.name,
            dialogue=letter.dialogue,
        )

    def open(self, lane: Lane) -> int:
        shelf = self._shelves.get(lane)
        return shelf.open if shelf else 0

    def trim(self, lane: Lane, connections: int) -> None:
        if shelf := self._shelves.get(lane):
            self._part(lane, shelf, shelf.trim(connections))
            if shelf.waiting:
                self._part(lane, shelf, shelf.answer())

    async def close(self) -> None:
        self._closed = True
        for lane, shelf in list(self._shelves.items()):
            for _, future in shelf.waiting:
                if not future.done():
                    future.set_result(Closing())
            self._part(lane, shelf, shelf.expired(math.inf))
        for timer in self._sweeps.values():
            timer.cancel()
        self._sweeps.clear()
        if self._leaving:
            await asyncio.wait([session.wire.closed for session in self._leaving])

    async def _try_hosts(self, way: _Way, letter: Letter, intend: Intend) -> _Tried:
        """Host after host while nothing is said about the mail; how the last one ended."""
        hosts = self._hosts.in_order(way.route.hosts, monotonic())[:_MAX_HOSTS]
        tried, lost = _Tried(_NO_HOST, Path(site=way.lane.site)), 0
        told: Session | None = None  # the one that said 421 when this mail came
        while hosts:
            found = await self._session(way, Wish(hosts, way.need, way.rule, alone=lost >= _MAX_LOST), letter)
            if isinstance(found, Closing):
                return _Tried(_SHUTDOWN, tried.path)
            if isinstance(found, Undialled):
                tried, host = _Tried(found.ended, found.path), hosts[0]
                letter.dialogue += found.said
            else:
                host, nth, banner_time, found.banner_time = found.host, found.messages, found.banner_time, None
                ended = await self._transact(way, found, letter, intend)
                tried = _Tried(ended, found.path, banner_time, nth)
                if ended.untouched and nth > 1:
                    lost += 1  # the server had hung up in the meantime: no attempt yet
                    told = found if ended.closing else told
                    if not ended.closing and found.done == nth - 1:
                        self._hosts.closed_after(host, found.done, monotonic(), said=False)
                    continue
                if told is not None and told.host == host and not ended.closing:
                    # It takes mail, so it was about the connection.
                    self._hosts.closed_after(host, max(told.done, 1), monotonic())
            if not tried.ended.elsewhere:
                break
            hosts = tuple(other for other in hosts if other != host)
        return tried

    async def _transact(self, way: _Way, session: Session, letter: Letter, intend: Intend) -> Ended:
        try:
            return await session.transact(letter, way.rule.timeouts, intend)
        finally:
            self._give_back(way, session)

    def _give_back(self, way: _Way, session: Session) -> None:
        most = self._hosts.most(session.host, monotonic())
        limit = way.rule.messages_per_connection
        if self._closed or session.aged:
            limit = 0
        session.most = limit if most is None else min(most, limit)
        session.idle_since = monotonic()
        shelf = way.shelf
        self._part(way.lane, shelf, shelf.give_back(session, way.rule))
        if shelf.waiting:
            self._part(way.lane, shelf, shelf.answer())

    async def _session(self, way: _Way, wish: Wish, letter: Letter) -> Session | Undialled | Closing:
        if self._closed:
            return Closing()
        leave = way.shelf.ask(wish) or await self._wait(way, wish, letter)
        if isinstance(leave, Session | Closing):
            return leave
        call = Call(lane=way.lane, route=way.route, rule=way.rule, host=leave, need=way.need)
        result: Session | Undialled | None = None
        try:
            result = await self._dialler.dial(call)
            return result
        finally:
            self._dialled(way, result)

    def _dialled(self, way: _Way, result: Session | Undialled | None) -> None:
        shelf = way.shelf
        shelf.dialling -= 1
        if isinstance(result, Session):
            result.most = way.rule.messages_per_connection
            result.followed = partial(self._followed, way.lane, shelf)
            shelf.add(result)
            shelf.offers = result.offers
            self._age_later(way, result)
        else:
            self._part(way.lane, shelf, shelf.answer())

    async def _wait(self, way: _Way, wish: Wish, letter: Letter) -> Leave:
        future: asyncio.Future[Leave] = asyncio.get_running_loop().create_future()
        self._part(way.lane, way.shelf, way.shelf.wait(wish, future))
        try:
            if way.shelf.offers is not None:
                await letter.content(way.shelf.offers)  # signing takes its time: let it be while we wait
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._decline(way, future.result())
            raise

    def _decline(self, way: _Way, leave: Leave) -> None:
        """Leave came too late: whoever waited was cancelled in the same moment."""
        if isinstance(leave, Session):
            self._give_back(way, leave)
        elif not isinstance(leave, Closing):
            self._dialled(way, None)

    def _followed(self, lane: Lane, shelf: Shelf, session: Session) -> None:
        shelf.note_ahead(session)
        if shelf.waiting:
            self._part(lane, shelf, shelf.answer())

    def _part(self, lane: Lane, shelf: Shelf, sessions: Iterable[Session]) -> None:
        """Say goodbye to sessions, without waiting for it."""
        for session in sessions:
            self._leaving.add(session)
            session.wire.closed.add_done_callback(partial(self._parted, lane, shelf, session))
            if session.spoilt:
                session.wire.abort()
            else:
                session.wire.leave()

    def _parted(self, lane: Lane, shelf: Shelf, session: Session, _: asyncio.Future[None]) -> None:
        self._leaving.discard(session)
        shelf.leaving -= 1
        if shelf.waiting:
            self._part(lane, shelf, shelf.answer())

    def _age_later(self, way: _Way, session: Session) -> None:
        timer = asyncio.get_running_loop().call_later(way.rule.connection_age, self._aged, way.lane, way.shelf, session)
        session.wire.closed.add_done_callback(lambda _: timer.cancel())

    def _aged(self, lane: Lane, shelf: Shelf, session: Session) -> None:
        """It carries no other mail than those it has."""
        session.aged, session.most = True, 0
        self._part(lane, shelf, shelf.retire(session))

    def _sweep_later(self, lane: Lane, delay: float, patience: float) -> None:
        self._sweeps[lane] = asyncio.get_running_loop().call_later(delay, self._sweep, lane, patience)

    def _sweep(self, lane: Lane, patience: float) -> None:
        """Close what has been idle for too long; forget a lane with nothing in it."""
        del self._sweeps[lane]
        shelf, now = self._shelves[lane], monotonic()
        self._part(lane, shelf, shelf.expired(now - patience))
        if shelf.open or shelf.waiting:
            next_due = min((session.idle_since for session in shelf.idle), default=now) + patience - now
            self._sweep_later(lane, max(next_due, 0.001), patience)
        else:
            del self._shelves[lane]


_NO_HOST = Ended(Phase.CONNECT, Broken(Trouble.UNREACHABLE, "the route has no host"))
_SHUTDOWN = Ended(Phase.CONNECT, Broken(Trouble.SHUTDOWN, "the worker stops"))


def _need(route: Route, rule: Rule) -> Need:
    policy = rule.tls if route.tls is None else TlsPolicy(route.tls)
    domain = route.domain if policy in (TlsPolicy.MTA_STS, TlsPolicy.DANE) else None
    return Need(route.login, policy, domain)
