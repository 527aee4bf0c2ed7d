"""KumoMTA's default shaping and the kind of automation rules it ships with, as their public files have them.

10 connections, 100 messages a connection and 100 messages a second, shared by all nodes; a rule acts when its texts have been
met so often within an hour, for a fixed time, and then simply ends. The shipped rules belong to single providers; here the
common ones hold for every site: too many connections, 3/h: one connection for an hour; messages per connection, 2/h: two for
an hour; rate limited, 3/h: 10 messages a minute for half an hour; blocked, 5/h: suspended for two hours. Retries begin at
20 minutes and double. The limit on connections opened a minute is left out.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from mta.traffic.rule import Rule, Timeouts
from mta.traffic.signal import Kind, Limit, Signal
from worker.schedule import Backoff
from worker.simulation.engine import Engine, LaneRun, lanes
from worker.simulation.site import Answer, Entrance

CONNECTIONS, PER_CONNECTION, RATE = 10, 100, 100.0
HOUR = 3600.0

# What a reply is about: how many within an hour, and for how long the action holds.
_RULES = {
    Limit.CONNECTIONS: (3, HOUR),
    Limit.PER_CONNECTION: (2, HOUR),
    Limit.RATE: (3, HOUR / 2),
    Limit.BLOCK: (5, 2 * HOUR),
}


@dataclass(slots=True)
class _Automation:
    """What the rules have made of one source towards one site."""

    seen: dict[Limit, deque[float]] = field(default_factory=dict)
    until: dict[Limit, float] = field(default_factory=dict)


class KumoMta:
    omniscient = False
    backoff = Backoff(first=1200.0, factor=2.0, longest=8 * HOUR)

    def __init__(self) -> None:
        self._state: dict[int, _Automation] = {}

    def rule(self, name: str) -> Rule:
        timeouts = Timeouts(idle=60.0)
        return Rule(name=name, connections=CONNECTIONS, messages_per_connection=PER_CONNECTION, timeouts=timeouts)

    def start(self, engine: Engine) -> None:
        self._engine = engine
        lanes(engine, range(engine.workers))
        for place in engine.places:
            for entrance in place.entrances:
                self._state[id(entrance)] = _Automation()
                self._shape(entrance, place.lanes)

    def begun(self, lane: LaneRun) -> Any:
        return None

    def settled(self, lane: LaneRun, answer: Answer, signal: Signal, begun: Any, nth: int, took: float) -> float | None:
        if signal.kind in (Kind.SLOW_DOWN, Kind.SUSPEND) and signal.limit in _RULES:
            self._match(lane, signal.limit)
        return None

    def _match(self, lane: LaneRun, limit: Limit) -> None:
        state, now = self._state[id(lane.entrance)], self._engine.now
        count, lasts = _RULES[limit]
        times = state.seen.setdefault(limit, deque(maxlen=count))
        times.append(now)
        if len(times) == count and times[0] > now - HOUR:
            if state.until.get(limit, 0.0) <= now:
                self._engine.at(now + lasts, self._expired, lane)
            state.until[limit] = now + lasts
            self._shape(lane.entrance, lane.place.lanes)

    def _expired(self, lane: LaneRun) -> None:
        self._shape(lane.entrance, lane.place.lanes)
        for other in lane.place.lanes:
            self._engine.pull(other)

    def _shape(self, entrance: Entrance, everyone: list[LaneRun]) -> None:
        """Divide what is in force among the nodes."""
        state, now = self._state[id(entrance)], self._engine.now
        on = {limit for limit, until in state.until.items() if until > now}
        fellows = [lane for lane in everyone if lane.entrance is entrance]
        connections = 1 if Limit.CONNECTIONS in on else CONNECTIONS
        for rank, lane in enumerate(fellows):
            lane.window = connections // len(fellows) + (rank < connections % len(fellows))
            lane.rate = (10 / 60 if Limit.RATE in on else RATE) / min(len(fellows), connections)
            lane.free_at = min(lane.free_at, now + 1 / lane.rate)
            lane.per_connection = 2 if Limit.PER_CONNECTION in on else PER_CONNECTION
            lane.closed_until = state.until.get(Limit.BLOCK, 0.0)
            self._engine.trim(lane)
