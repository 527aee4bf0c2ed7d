"""The sender that goes by rules alone: fixed limits, shared by the workers, whatever the site replies."""

from collections.abc import Callable
from typing import Any

from mta.traffic.rule import Rule
from mta.traffic.signal import Signal
from worker.schedule import Backoff
from worker.simulation.engine import Engine, LaneRun, lanes
from worker.simulation.site import Answer


class Static:
    """The built-in rule for sites nobody knows (or the scenario's own), divided evenly."""

    omniscient = False
    backoff = Backoff()

    def __init__(self, rule: Callable[[str], Rule]) -> None:
        self.rule = rule

    def start(self, engine: Engine) -> None:
        made = lanes(engine, range(engine.workers))
        for lane in made:
            fellows = [other for other in lane.place.lanes if other.entrance is lane.entrance]
            rank = fellows.index(lane)
            rule, many = lane.rule, len(fellows)
            lane.window = rule.connections // many + (rank < rule.connections % many)
            lane.per_connection = rule.messages_per_connection
            if rule.rate is not None:
                lane.rate = rule.rate / many

    def begun(self, lane: LaneRun) -> Any:
        return None

    def settled(self, lane: LaneRun, answer: Answer, signal: Signal, begun: Any, nth: int, took: float) -> float | None:
        return None
