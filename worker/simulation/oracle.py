"""The sender that knows every hidden limit and never exceeds one: what no controller can beat, and all are measured by."""

from typing import Any

from mta.traffic.rule import Rule
from mta.traffic.signal import Kind, Signal
from worker.schedule import Backoff
from worker.simulation.engine import Engine, LaneRun, lanes
from worker.simulation.site import Answer

_MANY = 1_000_000


class Oracle:
    """Connections and messages per connection as the site allows; the engine asks the site itself for the rate."""

    omniscient = True
    backoff = Backoff()

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling

    def rule(self, name: str) -> Rule:
        return Rule(name=name, connections=self._ceiling, messages_per_connection=_MANY)

    def start(self, engine: Engine) -> None:
        for lane in lanes(engine, [0]):
            self._look(lane)
            for change in lane.entrance.entry.change:
                engine.at(change.at, self._changed, engine, lane)

    def begun(self, lane: LaneRun) -> Any:
        return None

    def settled(self, lane: LaneRun, answer: Answer, signal: Signal, begun: Any, nth: int, took: float) -> float | None:
        return lane.entrance.entry.greylist if signal.kind is Kind.GREYLISTED else None

    def _changed(self, engine: Engine, lane: LaneRun) -> None:
        lane.entrance.keep_up(engine.now)
        self._look(lane)
        engine.trim(lane)
        engine.pull(lane)

    def _look(self, lane: LaneRun) -> None:
        known = lane.entrance
        lane.window = min(self._ceiling, known.max_connections or self._ceiling)
        lane.per_connection = known.max_per_connection or _MANY
