"""The numbers of one worker process, read from its rooms when Prometheus asks.

Names and units are as OpenMetrics wants them. No label takes values from outside: sites and replies are for the log, the
console and the feedback.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from mta.traffic.signal import Kind
from worker.delivery import Delivery
from worker.durations import Durations
from worker.intake import Intake
from worker.metrics.attempts import Attempts
from worker.metrics.health import Health
from worker.settlement import OUTCOMES
from worker.shares.refresher import Refresher

PREFIX = "campaign_mta_"


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where the numbers are. `intakes` by the class of their tickets."""

    name: str
    intakes: Mapping[str, Intake]
    delivery: Delivery
    attempts: Attempts
    pacing: Refresher
    health: Health


class RoomCollector(Collector):
    """Looks at the rooms; nothing is kept here."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def collect(self) -> Iterator[Metric]:
        """Every metric as it is now."""
        yield InfoMetricFamily(
            f"{PREFIX}worker", "This worker.", {"name": self._rooms.name, "version": version("campaign-mta")}
        )
        yield from self._jobs()
        yield from self._attempts()
        yield from self._state()
        yield from self._learnt()

    def _jobs(self) -> Iterator[Metric]:
        settlement = self._rooms.delivery.settlement
        tickets = CounterMetricFamily(
            f"{PREFIX}tickets", "Tickets taken, by what the log knew of their jobs.", labels=["class", "claim"]
        )
        in_hand = GaugeMetricFamily(f"{PREFIX}in_hand", "Jobs in the worker now.", labels=["class"])
        room = GaugeMetricFamily(f"{PREFIX}in_hand_limit", "Jobs that it holds at most.", labels=["class"])
        for kind, intake in self._rooms.intakes.items():
            for claim, count in intake.taken.items():
                tickets.add_metric([kind, claim], count)
            in_hand.add_metric([kind], intake.in_hand)
            room.add_metric([kind], intake.room)
        yield from (tickets, in_hand, room)
        outcomes = {outcome: settlement.settled[outcome] for outcome in OUTCOMES}
        yield _counted("settled", "Outcomes recorded.", "outcome", outcomes)
        yield CounterMetricFamily(f"{PREFIX}held", "Jobs put back before their attempt.", settlement.held)
        yield CounterMetricFamily(
            f"{PREFIX}feedback_events", "Feedback events that the broker confirmed.", settlement.published
        )
        yield GaugeMetricFamily(
            f"{PREFIX}doubt_window", "Jobs between intent and recorded outcome.", len(settlement.window)
        )

    def _attempts(self) -> Iterator[Metric]:
        attempts = self._rooms.attempts
        ended = CounterMetricFamily(
            f"{PREFIX}attempts", "Attempts, by where and how they ended.", labels=["phase", "ending"]
        )
        for (phase, ending), count in attempts.ended.items():
            ended.add_metric([phase.value, ending], count)
        yield ended
        signals = self._rooms.pacing.gate.signals
        yield _counted(
            "signals", "What sites told us about our traffic.", "signal", {kind: signals[kind] for kind in Kind}
        )
        yield _timed("attempt", "Duration of attempts that met a server.", attempts.durations)
        yield _timed(
            "signing", "Time from wanting signatures to having them.", self._rooms.delivery.preparation.signing
        )

    def _state(self) -> Iterator[Metric]:
        health = self._rooms.health
        yield GaugeMetricFamily(f"{PREFIX}ready", "1 while jobs are taken.", health.hindrance is None)
        yield GaugeMetricFamily(f"{PREFIX}outage", "1 while broker or store are away.", health.outage.away is not None)
        yield CounterMetricFamily(f"{PREFIX}outages", "Outages begun.", health.outage.begun)

    def _learnt(self) -> Iterator[Metric]:
        pacing = self._rooms.pacing
        yield CounterMetricFamily(
            f"{PREFIX}unknown_replies", "Replies that no rule knows.", self._rooms.delivery.outside.reading.unknown_seen
        )
        yield _counted("pace_changes", "Limits changed automatically.", "what", pacing.changes)
        yield _timed("shares_refresh", "Duration of refreshes of the lanes' accounts.", pacing.durations)


def registry(rooms: Rooms) -> CollectorRegistry:
    """The rooms' numbers and those of the operating system's process."""
    found = CollectorRegistry(auto_describe=False)
    found.register(RoomCollector(rooms))
    ProcessCollector(registry=found)
    return found


def _counted(name: str, meaning: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(PREFIX + name, meaning, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _timed(name: str, meaning: str, durations: Durations) -> Metric:
    family = HistogramMetricFamily(f"{PREFIX}{name}_seconds", meaning, unit="seconds")
    family.add_metric([], durations.buckets, durations.seconds)
    return family
