"""Keeps a worker's lanes in step with their accounts: those that have something to say share one refresh.

The only task of a worker that waits for the store of the accounts. While that is away the lanes go on within their leases,
then they are closed, and all goes on by itself when it is back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from weakref import WeakValueDictionary

import structlog

from mta.lane import Lane
from mta.smtp import Relay
from mta.traffic.accounts import Answers, Shares, SharesAway
from mta.traffic.gate import LaneGate
from mta.traffic.pace import Change, first_pace
from mta.traffic.paced import Paced
from mta.traffic.part import Part
from mta.traffic.rule import Rule
from mta.traffic.shares import SPREAD, Ask, Grant
from worker.durations import Durations
from worker.shares.clock import StoreClock

_log = structlog.get_logger("worker.shares")

_JOIN = 0.02
"""Seconds in which lanes gather that have something to say, so that they share a refresh."""

_MANY = 1000
"""Lanes in one refresh at most: their rows are locked for as long as it takes."""

_LOOK_ROUND = 1.0
"""Seconds between two looks for leases that have run out."""

_FIRST, _LONGEST = 0.1, 1.0
"""Seconds between two tries while the store is away."""

_TIDY = 3600.0
_BOUNDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
_LAST = 3.0
"""Seconds that the last refresh may take: a worker that stops does not wait for an absent store."""


class Refresher:
    """One worker process's. Its `guide` is what a gate makes its lanes' guides with; `gate` and `relay` are told what is
    new: whom to let go, and which connections to close. `changes` counts what changed by itself, `durations` refreshes."""

    def __init__(
        self, shares: Shares, worker: str, relay: Relay, beside: int = 2, clock: Callable[[], float] = time.time
    ) -> None:
        """`beside`: permits for each connection, as the relay can use them. `clock`: this machine's, POSIX seconds."""
        self.gate = LaneGate(clock, self.guide, beside)
        self._shares = shares
        self._worker = worker
        self._relay = relay
        self._clock = StoreClock(clock)
        self._guides: WeakValueDictionary[str, Paced] = WeakValueDictionary()
        self._asking: dict[Paced, None] = {}
        self._wanted = asyncio.Event()
        self._open = False
        self._away = False
        self.changes: Counter[str] = Counter()
        self.durations = Durations(_BOUNDS)

    def guide(self, lane: Lane, rule: Rule) -> Paced:
        """A lane's guide, which asks here."""
        part = Part(rule, first_pace(rule, self._clock.now()))
        opened = partial(self._relay.open, lane)
        guide = Paced(lane, part, self._worker, self._clock.now, self._ask, connections=opened)
        self._guides[str(lane)] = guide
        return guide

    async def run(self) -> None:
        """Refresh until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._refresh())
            tasks.create_task(self._listen())
            tasks.create_task(self._look_round())
            tasks.create_task(self._tidy())

    async def close(self) -> None:
        """Give back what is held and tell what was learnt, if the store is there."""
        held = [guide for guide in self._guides.values() if guide.leased]
        try:
            async with asyncio.timeout(_LAST):
                for some in _portions(held):
                    await self._shares.refresh([guide.ask(leaving=True) for guide in some])
        except (SharesAway, TimeoutError):
            _log.warning("leases_left", lanes=len(held))
        await self._shares.close()

    def _ask(self, guide: Paced) -> None:
        self._asking[guide] = None
        self._wanted.set()

    async def _refresh(self) -> None:
        pause = _FIRST
        while True:
            await self._wanted.wait()
            await asyncio.sleep(_JOIN)
            if await self.once():
                pause = _FIRST
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST)

    async def once(self) -> bool:
        """One refresh of the lanes that want it; whether the store was there."""
        guides = list(self._asking)
        self._asking.clear()
        self._wanted.clear()
        for some in _portions(guides):
            asks = [guide.ask(self._relay.open(guide.lane)) for guide in some]
            answers = None
            try:
                answers = await self._answers(asks)
            except SharesAway as fault:
                self._note_away(fault)
                return False
            finally:
                if answers is None:
                    self._put_back(guides, some, asks)
            self._away = False
            for guide, ask, grant in zip(some, asks, answers.grants, strict=True):
                self._adopt(guide, ask.lane, grant)
        return True

    def _adopt(self, guide: Paced, lane: str, grant: Grant) -> None:
        for change in grant.changes:
            self.changes[change.what] += 1
            _note(lane, change)
        guide.adopt(grant, asyncio.get_running_loop().time())
        self._relay.trim(guide.lane, guide.part.window if guide.leased else 0)
        self.gate.wake(guide.lane)
        if guide.gives_back:
            self._ask(guide)
        elif guide.asks_again or guide.tells_again:
            asyncio.get_running_loop().call_later(SPREAD, self._ask, guide)

    async def _answers(self, asks: Sequence[Ask]) -> Answers:
        if not self._open:
            await self._shares.open()
            self._open = True
        asked_at = asyncio.get_running_loop().time()
        answers = await self._shares.refresh(asks)
        self._clock.heard(answers.at, asked_at)
        self.durations.note(asyncio.get_running_loop().time() - asked_at)
        return answers

    def _note_away(self, fault: SharesAway) -> None:
        if not self._away:
            self._away = True
            _log.warning("shares_away", away=str(fault))

    def _put_back(self, guides: Sequence[Paced], some: Sequence[Paced], asks: Sequence[Ask]) -> None:
        """Keep what was not heard for the next try."""
        for guide, ask in zip(some, asks, strict=True):
            guide.unheard(ask)
        for guide in guides:
            self._ask(guide)

    async def _listen(self) -> None:
        """Where another worker calls for it a lane is refreshed at once."""
        while True:
            for lane in await self._shares.called():
                if (guide := self._guides.get(lane)) and guide.leased:
                    self._ask(guide)

    async def _look_round(self) -> None:
        """Connections of lanes whose lease has run out are closed, for they may be others' now."""
        while True:
            await asyncio.sleep(_LOOK_ROUND)
            for guide in list(self._guides.values()):
                if not guide.leased:
                    self._relay.trim(guide.lane, 0)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDY)
            try:
                await self._shares.tidy()
            except SharesAway as fault:
                _log.debug("tidy_later", away=str(fault))


def _note(lane: str, change: Change) -> None:
    _log.info(
        "pace_changed",
        lane=lane,
        what=change.what,
        was=change.was,
        becomes=change.becomes,
        why=change.why,
        until=change.until,
    )


def _portions(guides: Sequence[Paced]) -> list[Sequence[Paced]]:
    return [guides[start : start + _MANY] for start in range(0, len(guides), _MANY)]
