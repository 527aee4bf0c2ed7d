"""The product's own pace and leases, as workers drive them."""

from collections import deque
from collections.abc import Callable, Iterable
from random import Random

from mta.traffic.pace import Change, Pace
from mta.traffic.part import Begun, Part, pause_after
from mta.traffic.rule import Rule
from mta.traffic.shares import HURRY, LEASE, REFRESH, Account, Report
from mta.traffic.signal import Kind, Signal
from worker.schedule import Backoff
from worker.simulation.engine import Engine, LaneRun, Place, ranks
from worker.simulation.site import Answer

HEARD = 0.05
"""Seconds until the other workers hear of a changed pace, and refresh."""

ABREAST = 32
"""Workers that ask for a site's lane at once. Where there are more, each that gets a part of it for the first time lets in
another: hundreds that would ask every second, only to be told that nothing is left, change nothing but the time it takes."""


class Adaptive:
    """`remembered`: what earlier waves have learnt, by site and source."""

    omniscient = False
    backoff = Backoff()

    def __init__(self, rule: Callable[[str], Rule], remembered: dict[tuple[str, int], Pace] | None = None) -> None:
        self.rule = rule
        self._remembered = remembered or {}
        self.accounts: dict[tuple[str, int], Account] = {}
        self.changes: list[tuple[str, int, Change]] = []
        self.watch: Callable[[float, tuple[str, int], Account], None] = lambda now, lane, account: None
        self._parts: dict[LaneRun, tuple[Part, Account, tuple[str, int]]] = {}
        self._due: dict[LaneRun, float] = {}

    def start(self, engine: Engine) -> None:
        self._engine = engine
        self._dice = Random(f"{engine.scenario.seed}/refresh")
        self._present = set(range(engine.workers))
        self._reserve: dict[Place, deque[int]] = {place: deque() for place in engine.places}
        self._muster(range(engine.workers))
        for crew in engine.scenario.crew:
            engine.at(crew.at, self._crew, crew.workers)

    def _muster(self, workers: Iterable[int]) -> None:
        for place, crew in ranks(self._engine, workers):
            self._reserve[place] += crew
            for _ in range(ABREAST):
                self._call(place)

    def _call(self, place: Place) -> None:
        """One more worker asks for the site's lanes."""
        reserve = self._reserve[place]
        while reserve and reserve[0] not in self._present:
            reserve.popleft()
        if reserve:
            worker = reserve.popleft()
            for entrance in place.entrances:
                self._join(self._engine.lane(worker, place, entrance))

    def _join(self, lane: LaneRun) -> None:
        key = (lane.place.name, lane.place.entrances.index(lane.entrance))
        account = self.accounts.setdefault(key, Account(self._remembered.get(key, Pace())))
        self._parts[lane] = Part(lane.rule, account.pace), account, key
        self._refresh_at(lane, self._engine.now + self._dice.random() * 0.01 * min(len(self._present), ABREAST))

    def _crew(self, workers: int) -> None:
        """Some leave, or new ones come."""
        engine = self._engine
        old, self._present = self._present, set(range(workers))
        for lane in list(self._parts):
            if lane.worker not in self._present and lane.worker in old:
                lane.window = 0
                engine.trim(lane)
                self._call(lane.place)
        if fresh := sorted(self._present - old):
            self._muster(fresh)

    def begun(self, lane: LaneRun) -> Begun:
        part = self._parts[lane][0]
        return Begun(self._engine.now, part.pace.revision, lane.busy)

    def settled(
        self, lane: LaneRun, answer: Answer, signal: Signal, begun: Begun, nth: int, took: float
    ) -> float | None:
        part = self._parts[lane][0]
        why = answer.reply.line if answer.reply is not None and signal.kind is not Kind.CLEAR else "no connection"
        if lane.worker not in self._present:
            return pause_after(signal)
        if part.settled(begun, signal, nth, took, why):
            self._apply(lane, part)
            self._refresh_at(lane, max(self._engine.now, self._last(lane) + HURRY))
        elif self._due.get(lane, 0) == float("inf"):
            self._refresh_at(lane, self._engine.now + REFRESH)
        return pause_after(signal)

    def _last(self, lane: LaneRun) -> float:
        return self._parts[lane][0].lease.until - LEASE

    def _refresh_at(self, lane: LaneRun, time: float) -> None:
        if time < self._due.get(lane, float("inf")):
            self._due[lane] = time
            self._engine.at(time, self._refresh, lane, time)

    def _refresh(self, lane: LaneRun, time: float) -> None:
        if self._due.get(lane) != time or lane.worker not in self._present:
            return
        part, account, key = self._parts[lane]
        _look(lane, part)
        wants = min(lane.rule.connections, lane.busy + len(lane.place.ready))
        # It hears the answer at once, so it holds nothing meanwhile that the account does not know of.
        report = Report(str(lane.worker), wants, part.pace.revision, part.report())
        grant = account.refresh(report, lane.rule, self._engine.now)
        if grant.changes:
            self.changes += [(*key, change) for change in grant.changes]
            self._tell(lane)
        self.watch(self._engine.now, key, account)
        part.adopt(grant.pace, grant.lease)
        self._apply(lane, part)
        if part.window and lane.mind is None:
            lane.mind = "has had a part"
            self._call(lane.place)
        self._due[lane] = float("inf")
        if wants or lane.place.left:
            self._refresh_at(lane, self._next(lane, part, wants))
        self._engine.pull(lane)

    def _tell(self, lane: LaneRun) -> None:
        """A changed pace is announced: the other workers refresh as soon as they hear of it."""
        for other in lane.place.lanes:
            if other is not lane and other.entrance is lane.entrance:
                self._refresh_at(other, self._engine.now + HEARD)

    def _next(self, lane: LaneRun, part: Part, wants: int) -> float:
        now = self._engine.now
        if part.closed_until > now:
            return part.closed_until
        return now + (REFRESH if wants else LEASE)

    def _apply(self, lane: LaneRun, part: Part) -> None:
        now, was = self._engine.now, lane.rate
        lane.window, lane.rate, lane.per_connection = part.window, max(part.rate, 1e-9), part.per_connection
        lane.closed_until = part.closed_until
        if part.rate and lane.free_at > now:  # the wait that is left, at the new rate
            lane.free_at = now + min((lane.free_at - now) * was / lane.rate, 1 / lane.rate)
        if part.rate and part.pace.heed_from > now:  # what the site let pass on credit is used up
            lane.free_at = max(lane.free_at, now + 1 / lane.rate)
        self._engine.trim(lane)


def _look(lane: LaneRun, part: Part) -> None:
    """What has kept the lane from sending more since the last look."""
    part.heard.by_rate += lane.by_rate
    part.heard.by_window += lane.by_window
    part.heard.by_want += lane.by_want
    lane.by_rate = lane.by_window = lane.by_want = 0
