"""A lane's guide that finds the site's own limits: the worker's part of the lane, kept in step with its account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import inf

from mta.attempt import Attempt, Refused
from mta.lane import Lane
from mta.traffic.pace import Change
from mta.traffic.part import Begun, Part
from mta.traffic.restraint import Restraint
from mta.traffic.rule import Rule
from mta.traffic.shares import HURRY, LEASE, REFRESH, Ask, Grant, Ledger, Report
from mta.traffic.signal import Kind, Signal, by_reaction
from mta.traffic.tally import Stop

_WANTS = 10_000
"""Connections a worker asks for when it has more messages than its part lets it send: as many as there are."""


_SEARCHING, _KNOWN = 30.0, 600.0
"""Seconds for which a pace is believed: it may double every second or be back from a trial, or
be tried beyond its wall every few minutes."""


@dataclass(slots=True, eq=False)
class Paced:
    """`Guide` of one lane in one worker. `refresh` is called when the account should be heard: at once where it is at hand,
    soon where it is in a store; until then the lane goes on within its lease. `clock` is POSIX time, which accounts keep."""

    lane: Lane
    part: Part
    worker: str
    clock: Callable[[], float]
    refresh: Callable[["Paced"], None]
    reactions: Restraint = field(default_factory=Restraint)
    asked_at: float = -inf
    not_before: float = -inf
    busy: int = 0
    pressed: bool = True
    urgent: bool = False
    _offset: float = 0.0
    _force: Rule | None = None

    @property
    def closed_until(self) -> float:
        """In the loop's time. Without a lease the lane is closed until the account has been asked again."""
        if self.part.closed_until > self.clock():
            return self.part.closed_until - self._offset
        return -inf if self._leased or self.asked_at == -inf else self.asked_at + REFRESH

    @property
    def horizon(self) -> float:
        pace = self.part.pace
        return _SEARCHING if pace.trial or pace.rate.searching else _KNOWN

    @property
    def why(self) -> str:
        if self.part.closed_until > self.clock():
            return f"left alone, for the site was {self.part.pace.closed_by}"
        return "other workers have this lane's limits for the moment"

    @property
    def _leased(self) -> bool:
        return self.part.window > 0 and self.part.lease.until > self.clock()

    def in_force(self, rule: Rule, now: float) -> Rule:
        """The rule with the worker's part of the pace in its limits."""
        self._offset = self.clock() - now
        if self.part.rule is not rule:
            self.urgent |= (
                self.part.rule.fixed != rule.fixed
            )  # an operator's limits are for now, not for the next refresh
            self.part.rule, self._force = rule, None
        if now - self.asked_at >= (REFRESH if self._leased and not self.urgent else HURRY):
            self._ask(now)
        connections, rate, messages = max(1, self.part.window), self.part.rate or 1e-6, self.part.per_connection
        force = self._force
        if force is None or (force.connections, force.rate, force.messages_per_connection) != (
            connections,
            rate,
            messages,
        ):
            force = replace(rule, connections=connections, rate=rate, messages_per_connection=messages)
            self._force = force
        return force

    def begun(self, busy: int, now: float) -> Begun:
        self.busy = busy
        return Begun(now + self._offset, self.part.pace.revision, busy)

    def settled(self, begun: Begun, attempt: Attempt, signal: Signal, speed: float, now: float) -> Signal:
        self.busy = max(0, self.busy - 1)
        signal = self.reactions.counted(signal, now)
        said = attempt.reply.line if isinstance(attempt.ending, Refused) and attempt.reply else attempt.text
        urgent = self.part.settled(begun, signal, attempt.nth, now + self._offset - begun.at, said)
        if urgent and any(by_reaction(reaction) == signal for reaction in self.part.rule.reactions):
            self.part.order()
        self.urgent |= urgent
        if urgent and now - self.asked_at >= HURRY:
            self._ask(now)
        if signal.kind is Kind.SUSPEND and self.part.closed_until <= self.clock():
            return replace(signal, kind=Kind.NEUTRAL)  # one voice among many: the lane stays open
        return signal

    def stopped(self, by: Stop) -> None:
        self.pressed = by is not Stop.WANT
        heard = self.part.heard
        heard.by_rate += by is Stop.RATE
        heard.by_window += by is Stop.WINDOW
        heard.by_want += by is Stop.WANT

    def ask(self) -> Ask:
        """What this worker says to the account; its evidence is handed over with it."""
        part = self.part
        report = Report(
            self.worker, _WANTS if self.pressed else 2 * self.busy + 2, part.pace.revision, part.report(), part.lease
        )
        return Ask(str(self.lane), report, self.part.rule)

    def adopt(self, grant: Grant, now: float) -> None:
        """Take the account's answer."""
        cut = grant.pace.revision != self.part.pace.revision and grant.pace.heed_from > grant.pace.since
        slower = grant.pace.rate.value < self.part.pace.rate.value
        self.part.adopt(grant.pace, grant.lease)
        if (cut or slower) and self.part.rate:
            self.not_before = now + min(1 / self.part.rate, 60.0)  # what the site let pass on credit is used up

    def idle(self, now: float) -> bool:
        return self.reactions.idle(now) and self.busy == 0 and now - self.asked_at > LEASE

    def _ask(self, now: float) -> None:
        self.asked_at, self.urgent = now, False
        self.refresh(self)


def locally(
    ledger: Ledger, worker: str, clock: Callable[[], float], record: Callable[[Lane, Sequence[Change]], None]
) -> Callable[[Lane, Rule], Paced]:
    """Guides for the only worker there is: accounts in its memory, asked at once. `record` is told every change."""

    def refresh(guide: Paced) -> None:
        grant = ledger.refresh(guide.ask(), clock())
        if grant.changes:
            record(guide.lane, grant.changes)
        guide.adopt(grant, clock() - guide._offset)

    return lambda lane, rule: Paced(lane, Part(rule), worker, clock, refresh)
