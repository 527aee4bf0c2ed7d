"""A worker's part of a lane: the limits it may use, and the evidence it gathers. Pure."""

from dataclasses import dataclass, field

from msgspec import Struct

from mta.traffic.pace import Pace
from mta.traffic.rule import Rule
from mta.traffic.shares import NO_LEASE, Lease
from mta.traffic.signal import Kind, Limit, Signal
from mta.traffic.tally import Tally, at_least

BRAKE_AT = 0.02
"""The share of refusals, in what one worker has seen this round, at which it goes slower before the others know."""

GREYLIST_PAUSE = 310.0
"""Seconds after which a greylisted message is tried again: most sites open after five minutes, and not before."""

REFUSED_PAUSE = 20.0
"""The same after a refusal for our traffic that names no time."""

_SLOW, _USUAL, _LATE = 0.3, 0.02, 2.0
"""How fast the two averages of reply times move; and how much slower than usual is slow."""


class Begun(Struct, frozen=True):
    """When an attempt began, in which round, and how many connections this worker had with it."""

    at: float
    revision: int
    busy: int


@dataclass(slots=True)
class Part:
    """`window`, `rate`, `per_connection` and `closed_until` are what this worker may do now."""

    rule: Rule
    pace: Pace = field(default_factory=Pace)
    lease: Lease = NO_LEASE
    window: int = 0
    rate: float = 0.0
    per_connection: int = 1
    closed_until: float = 0.0
    heard: Tally = field(default_factory=Tally)  # not yet reported
    seen: Tally = field(default_factory=Tally)  # of this round, by this worker
    excess: float = 0.0
    usual: float = 0.0
    lately: float = 0.0

    def adopt(self, pace: Pace, lease: Lease) -> None:
        """Take what a refresh answered."""
        if pace.revision != self.pace.revision:
            self.heard, self.seen, self.excess = Tally(), Tally(), 0.0
            self.lately = self.usual
        self.pace, self.lease = pace, lease
        window, rate, self.per_connection = pace.limits(self.rule)
        self.window = max(0, min(lease.window, window) - int(self.excess))
        self.rate = min(lease.rate, rate)
        self.closed_until = pace.closed_until
        self._brake()

    def report(self) -> Tally:
        """The evidence since the last report."""
        heard, self.heard = self.heard, Tally()
        return heard

    def settled(self, begun: Begun, signal: Signal, nth: int | None, took: float, why: str) -> bool:
        """Take in how an attempt ended; whether the others should hear of it at once. Attempts of earlier rounds met other
        limits and say nothing about these."""
        if begun.revision != self.pace.revision or begun.at < self.pace.heed_from:
            self.heard.late += signal.kind is Kind.SLOW_DOWN
            return False
        for tally in (self.heard, self.seen):
            _count(tally, signal, nth, why)
            tally.kept += took
            if tally.crowded:
                tally.crowded_at = min(tally.crowded_at, begun.at + took)
        urgent = signal.kind not in (Kind.CLEAR, Kind.GREYLISTED, Kind.NEUTRAL)
        if signal.limit is Limit.CONNECTIONS and signal.kind is Kind.SLOW_DOWN and not self.rule.fixed:
            self._crowded(begun)
        if urgent:
            self._brake()
        elif signal.kind is not Kind.NEUTRAL:
            self._time(took)
        return urgent

    def order(self) -> None:
        """What was just heard is one on which the operator's rule acts at once."""
        self.heard.ordered += 1

    def _crowded(self, begun: Begun) -> None:
        """The site let us have fewer connections than were out: use no more until the pace has changed."""
        over = max(0.0, self.lease.window - max(0, begun.busy - 1)) - self.excess
        if over > 0:
            self.excess += over
            self.heard.excess += over
            self.window = max(0, self.lease.window - int(self.excess))

    def _brake(self) -> None:
        seen = self.seen
        heard = seen.taken + seen.too_fast
        if at_least(seen.too_fast, heard) > BRAKE_AT and not self.rule.fixed:
            self.rate = min(self.rate, self.lease.rate * max(0.25, seen.taken / heard))

    def _time(self, took: float) -> None:
        """Reply times rise before refusals come."""
        self.usual += _USUAL * (took - self.usual) if self.usual else took
        self.lately += _SLOW * (took - self.lately)
        if self.usual and self.lately > _LATE * self.usual + 0.2:
            self.heard.slow += 1


def pause_after(signal: Signal) -> float | None:
    """Seconds until a message is tried again that met this signal; None: the retry schedule's."""
    match signal.kind:
        case Kind.GREYLISTED:
            return signal.pause or GREYLIST_PAUSE
        case Kind.SLOW_DOWN if signal.limit is not Limit.NONE:
            return signal.pause or REFUSED_PAUSE
        case _:
            return None


def _count(tally: Tally, signal: Signal, nth: int | None, why: str) -> None:
    if signal.kind not in (Kind.UNREACHABLE, Kind.NEUTRAL):
        tally.away = 0
    match signal.kind:
        case Kind.CLEAR | Kind.GREYLISTED:
            tally.taken += 1
            tally.after += tally.too_fast > 0
        case Kind.NEUTRAL:
            pass
        case Kind.UNREACHABLE:
            tally.away += 1
            tally.why = why
        case Kind.SUSPEND:
            tally.blocked += 1
            tally.why, tally.asked = why, max(tally.asked, signal.pause or 0.0)
        case Kind.SLOW_DOWN:
            _count_refusal(tally, signal, nth, why)


def _count_refusal(tally: Tally, signal: Signal, nth: int | None, why: str) -> None:
    tally.why, tally.asked = why, max(tally.asked, signal.pause or 0.0)
    match signal.limit:
        case Limit.CONNECTIONS:
            tally.crowded += 1
        case Limit.PER_CONNECTION:
            tally.ended += 1
            if nth is not None and nth > 1:
                tally.used_up = min(tally.used_up, nth - 1)
        case Limit.RATE:
            tally.too_fast += 1
        case _:
            tally.vague += 1
