"""The gate before the gate: a source that is being warmed up sends its day's part, and what is over it waits."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from feedback.store import StoreAway
from mta.attempt import Attempt
from mta.lane import Lane, Source
from mta.traffic.permit import Gate, Held, Permit
from mta.traffic.ramp import Ramp
from mta.traffic.rule import Rule
from mta.traffic.signal import Kind, Limit, read_signal
from worker.ramps import Count, RampBook

_log = structlog.get_logger("worker.ramps")

DAY = 86400
_EVERY = 2.0
"""Seconds between two looks into the book: for so long workers do not know of each other's."""
_AGAIN = 5.0
_LAST = 3.0


class RampGate:
    """`Gate`. Only lanes whose source has a ramp are looked at; a day is one of UTC."""

    def __init__(self, gate: Gate, book: RampBook, clock: Callable[[], float]) -> None:
        self._gate = gate
        self._book = book
        self._clock = clock
        self._ramps: dict[Lane, Ramp] = {}
        self._counts: dict[Lane, Count] = {}
        self._open = False
        self._turn = asyncio.Lock()

    def usable(self, source: Source, site: str) -> bool:
        """Whether a source may send one more message to a site today, for all that is known."""
        lane = Lane(source, site)
        return source.ramp is None or lane not in self._ramps or self._left(lane) > 0

    async def ask(self, lane: Lane, rule: Rule, *, transactional: bool, patience: float) -> Permit | Held:
        if lane.source.ramp is None:
            return await self._gate.ask(lane, rule, transactional=transactional, patience=patience)
        if lane not in self._ramps and not await self._look(lane):
            return Held(self._clock() + _AGAIN, "where its source stands in its ramp is not known, with the store away")
        if self._left(lane) <= 0:
            ramp = self._ramps[lane]
            why = f"ramp day {ramp.day}: today's {ramp.share:.3g} of {ramp.volume} messages is used up"
            return Held((self._today() + 1) * float(DAY), why)
        self._count(lane, sent=1)  # now, not when it is sent: others ask meanwhile
        permit: Permit | Held | None = None
        try:
            permit = await self._gate.ask(lane, rule, transactional=transactional, patience=patience)
            return permit
        finally:
            if not isinstance(permit, Permit):
                self._count(lane, sent=-1)

    def settle(self, permit: Permit, attempt: Attempt | None) -> float | None:
        if permit.lane.source.ramp is not None:
            if attempt is None:
                self._count(permit.lane, sent=-1)
            else:
                signal = read_signal(attempt, permit.rule)
                slower = signal.kind is Kind.SLOW_DOWN and signal.limit is not Limit.NONE
                self._count(permit.lane, refused=int(slower or signal.kind is Kind.SUSPEND))
        return self._gate.settle(permit, attempt)

    async def run(self) -> None:
        """Keep in step with the book until cancelled."""
        while True:
            await asyncio.sleep(_EVERY)
            await self.flush()

    async def flush(self) -> bool:
        """Tell the book what was sent, and hear what others have; whether the store was there."""
        async with self._turn:
            told = {lane: count for lane, count in self._counts.items() if count.sent or count.refused}
            if not told:
                return True
            try:
                await self._opened()
                ramps = await self._book.add({str(lane): count for lane, count in told.items()}, self._today())
            except StoreAway as fault:
                _log.debug("ramps_wait", away=str(fault))
                return False
            for lane, count in told.items():
                self._count(lane, -count.sent, -count.refused)
                self._note(lane, ramps[str(lane)])
            return True

    async def close(self) -> None:
        """The last flush."""
        try:
            async with asyncio.timeout(_LAST):
                await self.flush()
        except TimeoutError:
            _log.warning("ramps_lost")
        await self._book.close()

    async def _look(self, lane: Lane) -> bool:
        """Where a lane stands that was not asked for before."""
        async with self._turn:
            if lane in self._ramps:
                return True
            try:
                await self._opened()
                known = await self._book.known([str(lane)])
            except StoreAway:
                return False
            volume = lane.source.ramp or 1
            found = known.get(str(lane), Ramp(volume=volume, date=self._today()))
            self._ramps[lane] = replace(found, volume=volume)
            return True

    async def _opened(self) -> None:
        if not self._open:
            await self._book.open()
            self._open = True

    def _note(self, lane: Lane, ramp: Ramp) -> None:
        before = self._ramps[lane]
        if ramp.day != before.day:
            _log.info("ramp_day", lane=str(lane), was=before.day, becomes=ramp.day, share=ramp.share)
        self._ramps[lane] = ramp

    def _left(self, lane: Lane) -> int:
        ramp = self._ramps[lane].on(self._today())
        count = self._counts.get(lane)
        return 1 if ramp.warm else ramp.allowance(self._today()) - (count.sent if count else 0)

    def _count(self, lane: Lane, sent: int = 0, refused: int = 0) -> None:
        volume = lane.source.ramp or 1
        count = self._counts.get(lane, Count(0, 0, volume))
        self._counts[lane] = Count(count.sent + sent, count.refused + refused, volume)

    def _today(self) -> int:
        return int(self._clock() // DAY)
