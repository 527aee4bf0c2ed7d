"""A lane's guide that finds the site's own limits: the worker's part of the lane, kept in step with its account."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from msgspec.structs import replace

from mta.attempt import Attempt, Refused
from mta.lane import Lane
from mta.traffic.pace import SEARCH_ROUND, search_round
from mta.traffic.part import Begun, Part
from mta.traffic.restraint import Restraint
from mta.traffic.rule import Rule
from mta.traffic.shares import HURRY, LEASE, LEISURE, NO_LEASE, REFRESH, Ask, Grant, Report
from mta.traffic.signal import Kind, Limit, Signal, by_reaction
from mta.traffic.tally import Stop

_WANTS = 10_000
"""Connections a worker asks for when it has more messages than its part lets it send: as many as there are."""


_PATIENT = 8
"""Answers in a row that leave nothing to a lane until it is closed for a while. What others hold of it and do not use is asked
back with the first of them, and a busy worker takes its time; as long as a job waits, sending it away only costs."""

_BRISK, _SEARCHING, _KNOWN = 2.0, 30.0, 600.0
"""Seconds for which a pace is believed: it may double every quarter of a second, every second, or be back from a trial, or
be tried beyond its wall every few minutes."""

_RISE = 3.0
"""Seconds in which a brisk search doubles again, if the rate is what holds the lane back."""
_HOPE = 32.0
"""Times the present rate: what eight such doublings in the two seconds that a job waits come to on average."""
_UNTOLD = 500.0
"""The same where the account will be heard in a moment: for the first time, and it may know the lane well; or once others
have given back what they do not use; or about much, after it was asked for little."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Paced:
    """`Guide` of one lane in one worker. `refresh` is called when the account should be heard: at once where it is at hand,
    soon where it is in a store; until then the lane goes on within its lease. `clock` is POSIX time, which accounts keep."""

    lane: Lane
    part: Part
    worker: str
    clock: Callable[[], float]
    refresh: Callable[["Paced"], None]
    connections: Callable[[], int] = lambda: 0
    """How many the worker has open, used or not."""
    reactions: Restraint = field(default_factory=Restraint)
    asked_at: float = -inf
    answered_at: float = -inf
    pending: bool = False
    not_before: float = -inf
    busy: int = 0
    pressed: bool = True
    in_vain: int = 0
    """Answers in a row that left it nothing, while the site itself is open."""
    over: int = 0
    """Answers in a row that left it less than it has open."""
    urgent: bool = False
    gives_back: bool = False
    """It has less than before, which is nobody else's before the account has heard that it knows."""
    _offset: float = 0.0
    _force: Rule | None = None

    @property
    def closed_until(self) -> float:
        """In the loop's time. A lane that was told a few times that there is nothing left for it is closed until it is
        time to ask again; before that it is open, without a connection."""
        if self.part.closed_until > self.clock():
            return self.part.closed_until - self._offset
        return -inf if self.in_vain < _PATIENT or self.pending or self.leased else self.answered_at + REFRESH

    @property
    def horizon(self) -> float:
        pace = self.part.pace
        if self._rising:
            return _BRISK
        return _SEARCHING if pace.trial or pace.rate.searching else _KNOWN

    @property
    def hope(self) -> float:
        if self.answered_at == -inf or self.asks_again or self._asked_for_few:
            return _UNTOLD
        return _HOPE if self._rising else 1.0

    @property
    def _asked_for_few(self) -> bool:
        """There is more to send than when it last asked, so that it has less than is due to it."""
        return self.pressed and self.leased and self.part.lease.wants < _WANTS

    @property
    def _rising(self) -> bool:
        """The rate has just been doubled, or is about to be for the first time, and will be again in a moment."""
        pace = self.part.pace
        brisk = search_round(pace, self.part.rule) < SEARCH_ROUND and pace.rate.searching
        room = pace.rate.value < (self.part.rule.rate or inf)
        return brisk and room and self.clock() - pace.rate.calm_since < _RISE

    @property
    def why(self) -> str:
        if self.part.closed_until > self.clock():
            return f"left alone, for the site was {self.part.pace.closed_by}"
        if self.in_vain:
            return "other workers have this lane's limits for the moment"
        return "this worker's part of the limits is not known for the moment"

    @property
    def asks_again(self) -> bool:
        """Whether it should ask again in a moment, for those who wait meanwhile."""
        return 0 < self.in_vain < _PATIENT and self.part.closed_until <= self.clock()

    @property
    def tells_again(self) -> bool:
        """Whether it should tell in a moment what it has closed since; what hangs for longer than a job waits can wait."""
        return 0 < self.over < _PATIENT

    @property
    def leased(self) -> bool:
        """Whether there is anything to send within."""
        return self._is_leased(self.clock())

    def _is_leased(self, at: float) -> bool:
        part = self.part
        return part.window > 0 and part.rate > 0 and part.lease.until > at

    def in_force(self, rule: Rule, now: float) -> Rule:
        """The rule with the worker's part of the pace in its limits. Without a lease: no connection, and the whole pace's
        rate, for those who want to know when to come back."""
        at = self.clock()
        self._offset, leased = at - now, self._is_leased(at)
        if self.part.rule is not rule:
            self.urgent |= self.part.rule.fixed != rule.fixed  # an operator's word is for now
            self.part.rule, self._force = rule, None
        if now - self.asked_at >= self._interval(leased):
            self._ask(now)  # where the account is at hand it answers at once
            leased = self._is_leased(at)
        # The rule may be another one than the account was last asked for: its ceilings hold at once.
        connections = min(self.part.window, rule.connections)
        rate = min(self.part.rate, rule.rate or inf)
        messages = min(self.part.per_connection, rule.messages_per_connection)
        if not leased:
            connections, rate = 0, self.part.pace.limits(rule)[1]
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
        if (
            signal.limit is Limit.CONNECTIONS
        ):  # those that were let in count, whether or not the attempt's turn knew of them
            begun = replace(begun, busy=max(begun.busy, self.connections() + 1))
        urgent = self.part.settled(begun, signal, attempt.nth, now + self._offset - begun.at, said)
        if urgent and any(by_reaction(reaction) == signal for reaction in self.part.rule.reactions):
            self.part.order()
        self.urgent |= urgent
        if urgent and now - self.asked_at >= HURRY:
            self._ask(now)
        if signal.kind is Kind.SUSPEND and self.part.closed_until <= self.clock():
            return replace(signal, kind=Kind.NEUTRAL)  # one voice among many: the lane stays open
        return signal

    def _interval(self, leased: bool) -> float:
        """Seconds between two askings."""
        if self.urgent or not leased:
            return HURRY
        if not self.pressed:
            return LEISURE
        pace, rule, heard = self.part.pace, self.part.rule, self.part.heard
        limiting = heard.by_rate or (heard.by_window and pace.window.value < rule.connections)
        return min(REFRESH, search_round(pace, rule)) if limiting and pace.searching else REFRESH

    def stopped(self, by: Stop) -> None:
        self.pressed = by is not Stop.WANT
        if not self.leased:
            return  # it says nothing about the limits
        heard = self.part.heard
        heard.by_rate += by is Stop.RATE
        heard.by_window += by is Stop.WINDOW
        heard.by_want += by is Stop.WANT
        self.urgent |= self._asked_for_few

    def ask(self, open: int = 0, *, leaving: bool = False) -> Ask:
        """What this worker says to the account; its evidence is handed over with it. `open`: connections it has open;
        `leaving`: it wants nothing more."""
        part = self.part
        wants = 0 if leaving else _WANTS if self.pressed else 2 * self.busy + 2
        holds = NO_LEASE if leaving else part.lease
        report = Report(self.worker, wants, part.pace.revision, part.report(), holds, open)
        return Ask(str(self.lane), report, part.rule)

    def unheard(self, ask: Ask) -> None:
        """The account could not be reached: keep the evidence for the next time."""
        heard = ask.report.heard
        if ask.report.revision == self.part.pace.revision:
            heard.add(self.part.heard)
            self.part.heard = heard

    def adopt(self, grant: Grant, now: float) -> None:
        """Take the account's answer."""
        self.pending, self.answered_at = False, now
        cut = grant.pace.revision != self.part.pace.revision and grant.pace.heed_from > grant.pace.since
        slower = grant.pace.rate.value < self.part.pace.rate.value
        self.gives_back = self.leased and grant.lease.window < self.part.lease.window
        self.part.adopt(grant.pace, grant.lease)
        self.in_vain = 0 if self.leased else self.in_vain + 1 if grant.short else _PATIENT
        self.over = self.over + 1 if self.leased and self.connections() > grant.lease.window else 0
        if (cut or slower) and self.part.rate:
            self.not_before = now + min(1 / self.part.rate, 60.0)  # what the site let pass on credit is used up

    def idle(self, now: float) -> bool:
        return self.reactions.idle(now) and self.busy == 0 and now - self.asked_at > LEASE

    def _ask(self, now: float) -> None:
        self.asked_at, self.urgent, self.pending = now, False, True
        self.refresh(self)
