"""Postfix's concurrency feedback, as its scheduler's public description has it.

Each worker is an instance with a queue manager of its own. A destination starts at 5 connections and may have 20; each
delivery that reached the server adds 1/N, each failed connection or greeting takes 1/N away, and more than one pseudo-cohort
of those declares the destination dead for the minimal backoff time. Deferred messages wait as long as they are old,
between 300 s and 4000 s. Kinder than the real thing in one respect: when a destination comes back to life its messages are
tried at once, and not at their own next times.
"""

from dataclasses import dataclass
from typing import Any

from mta.attempt import Phase
from mta.traffic.rule import Rule, Timeouts
from mta.traffic.signal import Signal
from worker.schedule import Backoff
from worker.simulation.engine import Engine, LaneRun, lanes
from worker.simulation.site import Answer

INITIAL, LIMIT, COHORTS = 5, 20, 1.0
MINIMAL_BACKOFF, MAXIMAL_BACKOFF = 300.0, 4000.0
CACHED = 2.0
_MANY = 1_000_000


@dataclass(slots=True)
class _Feedback:
    success: float = 0.0
    failure: float = 0.0
    cohorts: float = 0.0


class Postfix:
    omniscient = False
    backoff = Backoff()

    def rule(self, name: str) -> Rule:
        return Rule(
            name=name, connections=LIMIT, messages_per_connection=_MANY, rate=None, timeouts=Timeouts(idle=CACHED)
        )

    def start(self, engine: Engine) -> None:
        self._engine = engine
        for lane in lanes(engine, range(engine.workers)):
            lane.window, lane.per_connection, lane.mind = INITIAL, _MANY, _Feedback()

    def begun(self, lane: LaneRun) -> Any:
        return None

    def settled(self, lane: LaneRun, answer: Answer, signal: Signal, begun: Any, nth: int, took: float) -> float | None:
        if answer.phase in (Phase.CONNECT, Phase.BANNER):
            self._failed(lane, lane.mind)
        else:
            self._succeeded(lane, lane.mind)
        return min(max(MINIMAL_BACKOFF, self._engine.now), MAXIMAL_BACKOFF)

    def _succeeded(self, lane: LaneRun, mind: _Feedback) -> None:
        mind.cohorts = 0.0
        if lane.window >= lane.busy + 1 + INITIAL:
            return  # nobody uses what there is
        mind.success += 1 / lane.window
        if mind.success >= 1:
            lane.window, mind.success, mind.failure = min(LIMIT, lane.window + 1), mind.success - 1, 0.0

    def _failed(self, lane: LaneRun, mind: _Feedback) -> None:
        mind.cohorts += 1 / lane.window
        if mind.cohorts > COHORTS:
            lane.closed_until = self._engine.now + MINIMAL_BACKOFF
            lane.window, lane.mind = INITIAL, _Feedback()
            return
        mind.failure -= 1 / lane.window
        if mind.failure < 0:
            lane.window, mind.failure, mind.success = max(1, lane.window - 1), mind.failure + 1, 0.0
