"""What a lane's attempts said since its pace last changed: counts that several workers' tallies add up to. Pure."""

from dataclasses import dataclass, fields
from enum import Enum
from math import inf, sqrt


class Stop(Enum):
    """What keeps a lane from sending one more."""

    RATE = "rate"
    WINDOW = "window"
    WANT = "want"


_Z = 1.28
"""One-sided confidence of nine in ten."""


@dataclass(slots=True)
class Tally:
    """Evidence of one round. Refusals are sorted by the limit they name.

    `taken`: the site took the traffic, whatever it thought of the recipient. `after`: those of them after the first refusal
    for the rate. `excess`: connections over what the site let this sender have. `away`: attempts in a row that did not
    reach the site, up to the last. `ordered`: refusals on which a rule acts at once. `used_up`: messages that a
    connection had carried when the site ended it. `by_rate`, `by_window`, `by_want`: what kept the lane from sending
    more. `kept`: seconds that permits were out, in all. `slow`: how many replies were slow beside what is usual. `late`:
    refusals of attempts that began before the round, under limits that no longer hold. `asked`: seconds that a reply or
    a rule wants nothing raised.
    """

    taken: float = 0
    after: float = 0
    too_fast: float = 0
    crowded: float = 0
    crowded_at: float = inf
    excess: float = 0
    ended: float = 0
    used_up: float = inf
    vague: float = 0
    blocked: float = 0
    ordered: float = 0
    away: float = 0
    by_rate: float = 0
    by_window: float = 0
    by_want: float = 0
    kept: float = 0
    slow: float = 0
    late: float = 0
    asked: float = 0
    why: str = ""

    def add(self, other: "Tally") -> None:
        if other == _NOTHING:
            return
        if self.too_fast:
            self.after += other.taken - other.after
        if other.taken or other.refused:
            self.away = 0
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.used_up = min(self.used_up, other.used_up)
        self.crowded_at = min(self.crowded_at, other.crowded_at)
        self.asked = max(self.asked, other.asked)
        self.why = other.why or self.why

    @property
    def refused(self) -> float:
        return self.too_fast + self.crowded + self.ended + self.vague + self.blocked

    @property
    def turned_away(self) -> float:
        """Refusals as the site counts them."""
        return self.refused + self.late

    @property
    def heard(self) -> float:
        """Attempts that were answered in one way or another."""
        return self.taken + self.refused + self.away

    @property
    def bound_by_rate(self) -> bool:
        stops = self.by_rate + self.by_window + self.by_want
        return stops > 0 and self.by_rate >= 0.2 * stops

    @property
    def bound_by_window(self) -> bool:
        stops = self.by_rate + self.by_window + self.by_want
        return stops > 0 and self.by_window >= 0.4 * stops


_SUMS = [field.name for field in fields(Tally) if field.name not in ("used_up", "crowded_at", "asked", "why")]


_NOTHING = Tally()


def at_least(part: float, whole: float) -> float:
    """The share that `part` of `whole` proves: the lower end of Wilson's interval. Two refusals in fifty are a signal, two
    in a million are none."""
    if part <= 0 or whole <= 0:
        return 0.0
    p, z = min(part / whole, 1.0), _Z * _Z / whole
    return max(0.0, (p + z / 2 - _Z * sqrt(p * (1 - p) / whole + z / whole / 4)) / (1 + z))
