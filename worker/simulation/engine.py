"""Virtual time: messages, lanes and sessions against the receiving sites, driven by a controller.

An attempt is weighed at the instant it begins and settles after as many round trips as its answer took, so that it costs
two events at most. Which worker's lane takes a message is decided by who has leave to send: as in the real system, where
what cannot go soon stays in the broker, nobody holds messages that another could send.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from mta.traffic.rule import Rule
from mta.traffic.signal import Kind, Signal, signal_of
from worker.schedule import Backoff, retry_delay
from worker.simulation.scenario import Scenario, SiteEntry, allotted
from worker.simulation.site import DOWN, OPENING, TAKEN, Answer, Entrance, Fate, fate

CATCH_UP = 0.05
"""Seconds a rate may make up for, as in the product's own turns."""

BATCH = 10
"""Messages of one site that a worker takes off the queue together."""

_NEVER = float("inf")


@dataclass(slots=True)
class Session:
    nth: int = 0
    idle_until: float = _NEVER


@dataclass(slots=True, eq=False)
class LaneRun:
    """One worker's part of a lane. A controller sets `window`, `rate`, `per_connection` and `closed_until`; the engine
    counts in `stops` what kept the lane from sending more, since the controller last looked."""

    worker: int
    place: "Place"
    entrance: Entrance
    rule: Rule
    window: int = 0
    rate: float = _NEVER
    per_connection: int = 100
    closed_until: float = 0.0
    busy: int = 0
    idle: list[Session] = field(default_factory=list)
    free_at: float = 0.0
    alarm: float = _NEVER
    by_rate: int = 0
    by_window: int = 0
    by_want: int = 0
    mind: Any = None  # what the controller keeps with the lane

    @property
    def wanting(self) -> bool:
        return bool(self.place.ready)


@dataclass(slots=True, eq=False)
class Place:
    """A site's messages and figures."""

    name: str
    entry: SiteEntry
    messages: int
    fates: list[Fate]
    tries: list[int]
    ready: deque[int]
    entrances: list[Entrance]
    lanes: list[LaneRun] = field(default_factory=list)
    later: list[tuple[float, int]] = field(default_factory=list)
    hungry: dict[LaneRun, None] = field(default_factory=dict)
    delivered: int = 0
    bounced: int = 0
    attempts: int = 0
    throttled: int = 0
    finish: float = 0.0
    open: int = 0
    peak: int = 0

    @property
    def left(self) -> int:
        return self.messages - self.delivered - self.bounced


class Control(Protocol):
    """What decides how fast lanes send."""

    omniscient: bool
    backoff: Backoff

    @property
    def rule(self) -> Callable[[str], Rule]:
        """A site's rule by its name."""

    def start(self, engine: "Engine") -> None:
        """Before the first message: set up every lane of `engine`."""

    def begun(self, lane: LaneRun) -> Any:
        """An attempt begins; what is answered comes back with `settled`."""

    def settled(self, lane: LaneRun, answer: Answer, signal: Signal, begun: Any, nth: int, took: float) -> float | None:
        """An attempt has ended. The delay until its message is tried again, or None: the retry schedule's."""


class Engine:
    """Runs one controller through one scenario. `watch` is told each attempt that has ended: site, time, throttled."""

    def __init__(self, scenario: Scenario, control: Control, workers: int | None = None) -> None:
        self.scenario = scenario
        self.control = control
        self.workers = workers or scenario.workers
        self.now = 0.0
        self.open = self.peak = 0
        self.watch: Callable[[Place, float, bool], None] | None = None
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        self._signals: dict[tuple[int, int], Signal] = {}
        self.left = scenario.messages
        self.places = [self._place(*allotment) for allotment in allotted(scenario)]

    def _place(self, entry: SiteEntry, name: str, messages: int) -> Place:
        rng = Random(f"{self.scenario.seed}/{name}")
        return Place(
            name=name,
            entry=entry,
            messages=messages,
            fates=[fate(entry, rng) for _ in range(messages)],
            tries=[0] * messages,
            ready=deque(range(messages)),
            entrances=[Entrance(entry) for _ in range(self.scenario.sources)],
        )

    def lane(self, worker: int, place: Place, entrance: Entrance) -> LaneRun:
        """A new lane; nothing may be sent in it before the controller says so."""
        lane = LaneRun(worker, place, entrance, self.control.rule(place.name))
        place.lanes.append(lane)
        place.hungry[lane] = None
        return lane

    def at(self, time: float, what: Callable[..., None], *args: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (time, self._number, what, args))

    def run(self, progress: Callable[[int], None] = lambda settled: None) -> None:
        """Until everything is settled, or the horizon."""
        self.control.start(self)
        for place in self.places:
            self.feed(place)
        heap, horizon, count = self._heap, self.scenario.horizon, 0
        while heap and self.left:
            time, _, what, args = heapq.heappop(heap)
            if time > horizon:
                break
            self.now = time
            what(*args)
            count += 1
            if not count & 8191:
                progress(self.scenario.messages - self.left)
        progress(self.scenario.messages - self.left)

    def feed(self, place: Place) -> None:
        """Let lanes that waited for messages have some."""
        while place.ready and place.hungry:
            lane = next(iter(place.hungry))
            del place.hungry[lane]
            self.pull(lane)

    def pull(self, lane: LaneRun) -> None:
        """Begin what may begin now in this lane."""
        place, now = lane.place, self.now
        while place.ready:
            if lane.closed_until > now:
                return self._alarm(lane, lane.closed_until)
            if lane.busy >= lane.window:
                lane.by_window += lane.window > 0
                return None
            due = self._due(lane)
            if due > now:
                lane.by_rate += 1
                return self._alarm(lane, due)
            self._begin(lane, place.ready.popleft())
        lane.by_want += 1
        place.hungry[lane] = None
        return None

    def _due(self, lane: LaneRun) -> float:
        if not self.control.omniscient:
            return lane.free_at - CATCH_UP
        down = lane.entrance.down_until(self.now)
        lane.entrance.keep_up(self.now)
        return lane.entrance.due(self.now) if down is None else down

    def _alarm(self, lane: LaneRun, time: float) -> None:
        if time < lane.alarm or lane.alarm <= self.now:
            lane.alarm = time
            self.at(time, self._rung, lane, time)

    def _rung(self, lane: LaneRun, time: float) -> None:
        if lane.alarm == time:
            lane.alarm = _NEVER
            self.pull(lane)

    def _begin(self, lane: LaneRun, message: int) -> None:
        place, entrance, now = lane.place, lane.entrance, self.now
        lane.busy += 1
        if lane.rate != _NEVER:
            lane.free_at = max(lane.free_at, now) + 1 / lane.rate
        begun = self.control.begun(lane)
        session, trips, answer = self._usable(lane), 0, None
        if session is None:
            if entrance.max_connections is not None and entrance.open >= entrance.max_connections:
                self._reap(lane.place)
            answer, session, trips = entrance.connect(now), Session(), OPENING
            if answer is None:
                self._opened(place)
            else:
                session, trips = None, 0
        if session is not None:
            session.nth += 1
            answer = entrance.mail(now, session.nth, place.fates[message])
        assert answer is not None
        took = (trips + answer.trips) * place.entry.latency
        self.at(now + took, self._settle, lane, message, answer, session, begun, took)

    def _settle(
        self, lane: LaneRun, message: int, answer: Answer, session: Session | None, begun: Any, took: float
    ) -> None:
        place, now = lane.place, self.now
        lane.busy -= 1
        nth = session.nth if session is not None else 0
        if session is not None:
            if answer.closes or nth >= lane.per_connection or lane.busy + len(lane.idle) >= lane.window:
                self._closed(lane)
            else:
                session.idle_until = now + lane.rule.timeouts.idle
                lane.idle.append(session)
        place.attempts += 1
        place.throttled += answer.throttled
        if self.watch is not None:
            self.watch(place, now, answer.throttled)
        asked = self.control.settled(lane, answer, self._signal(lane, answer), begun, nth, took)
        self._dispose(place, message, answer, asked)
        self.pull(lane)

    def _dispose(self, place: Place, message: int, answer: Answer, asked: float | None) -> None:
        if answer is TAKEN or (answer.reply is not None and answer.reply.permanent):
            if answer is TAKEN:
                place.delivered += 1
            else:
                place.bounced += 1
            place.finish = self.now
            self.left -= 1
            return
        place.tries[message] += 1
        delay = self._delay(place, message) if asked is None else asked
        due = self.now + delay
        heapq.heappush(place.later, (due, message))
        if place.later[0][1] == message:
            self.at(due, self._return, place)

    def _delay(self, place: Place, message: int) -> float:
        """By the retry schedule; the dice fall for a message as they fall for every controller."""
        tries = place.tries[message]
        dice = Random(f"{self.scenario.seed}/{place.name}/{message}/{tries}")
        return retry_delay(tries, None, self.control.backoff, dice)

    def _return(self, place: Place) -> None:
        """Messages whose time has come are ready again."""
        while place.later and place.later[0][0] <= self.now:
            place.ready.append(heapq.heappop(place.later)[1])
        if place.later:
            self.at(place.later[0][0], self._return, place)
        self.feed(place)

    def _signal(self, lane: LaneRun, answer: Answer) -> Signal:
        """As the product reads it; each of the few answers is read once."""
        key = (id(answer), id(lane.rule))
        if key not in self._signals:
            reply = answer.reply
            self._signals[key] = (
                signal_of(reply.line, answer.phase, lane.rule) if reply is not None else Signal(Kind.UNREACHABLE)
            )
        return self._signals[key]

    def _usable(self, lane: LaneRun) -> Session | None:
        while lane.idle:
            session = lane.idle.pop()
            if session.idle_until >= self.now and session.nth < lane.per_connection:
                return session
            self._closed(lane)
        return None

    def trim(self, lane: LaneRun) -> None:
        """Hang up idle connections over the window."""
        while lane.idle and lane.busy + len(lane.idle) > lane.window:
            lane.idle.pop(0)
            self._closed(lane)

    def _reap(self, place: Place) -> None:
        for lane in place.lanes:
            kept = [session for session in lane.idle if session.idle_until >= self.now]
            for _ in range(len(lane.idle) - len(kept)):
                self._closed(lane)
            lane.idle = kept

    def _opened(self, place: Place) -> None:
        self.open += 1
        place.open += 1
        place.peak = max(place.peak, place.open)
        self.peak = max(self.peak, self.open)

    def _closed(self, lane: LaneRun) -> None:
        lane.entrance.open -= 1
        lane.place.open -= 1
        self.open -= 1


def ranks(engine: Engine, workers: Iterable[int]) -> Iterator[tuple[Place, list[int]]]:
    """Each site with the workers that take its messages, each site beginning with another of them. Workers take messages
    off the queue in batches, so a site with few messages is met by few."""
    crew = list(workers)
    for number, place in enumerate(engine.places):
        few = min(len(crew), -(-place.messages // BATCH)) or 1
        yield place, [crew[(number + offset) % len(crew)] for offset in range(few)]


def lanes(engine: Engine, workers: Iterable[int]) -> list[LaneRun]:
    """A lane for each worker, source and site."""
    return [
        engine.lane(worker, place, entrance)
        for place, crew in ranks(engine, workers)
        for worker in crew
        for entrance in place.entrances
    ]


__all__ = ["CATCH_UP", "DOWN", "Control", "Engine", "LaneRun", "Place", "lanes", "ranks"]
