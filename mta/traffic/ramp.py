"""How a new source is warmed up: a small part of its final daily volume first, more on each day it really sends. Pure.

Days are counted for a source towards a group of sites, and only those on which it sent; a day on which it was throttled
sends it one step back. What is over the day's part goes to warm sources of the pool where there are any, else it waits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

STEPS = ((3, 0.005), (7, 0.01), (14, 0.05), (21, 0.25), (24, 0.5), (28, 0.75))
"""(last day, share of the final daily volume); after the last day, all of it."""

THROTTLED = 0.02
"""The share of a day's attempts refused for our traffic from which the day counts as throttled."""

MIN_DAY = 10
"""Messages below which a source has not really sent that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Where a source stands: `day` is the ramp day it is on, from 1; `date` the calendar day it last sent on (days since
    the epoch), with what it has `sent` and how much of that was `refused`. `volume`: the final daily volume."""

    volume: int
    day: int = 1
    date: int = 0
    sent: int = 0
    refused: int = 0

    @property
    def share(self) -> float:
        """The part of the final volume that it may send on this day."""
        return next((share for last, share in STEPS if self.day <= last), 1.0)

    @property
    def warm(self) -> bool:
        return self.day > STEPS[-1][0]

    @property
    def quota(self) -> int:
        """Messages it may send on this day in all."""
        return max(1, round(self.volume * self.share))

    def allowance(self, date: int) -> int:
        """Messages it may still send on this date."""
        ramp = self.on(date)
        return max(0, ramp.quota - ramp.sent)

    def on(self, date: int) -> "Ramp":
        """The ramp as it stands on a date: a new day moves it on if the last one was a real one."""
        if date <= self.date:
            return self
        day = self.day
        if self.sent >= MIN_DAY:
            day = _step_back(day) if self.refused > THROTTLED * self.sent else day + 1
        return replace(self, day=day, date=date, sent=0, refused=0)

    def counted(self, date: int, sent: int, refused: int = 0) -> "Ramp":
        """With so many more attempts made on this date, and so many of them refused for our traffic."""
        ramp = self.on(date)
        return replace(ramp, sent=ramp.sent + sent, refused=ramp.refused + refused)


def _step_back(day: int) -> int:
    """The first day of the step before the one that this day is in."""
    starts = [1, *(last + 1 for last, _ in STEPS)]
    step = max(index for index, start in enumerate(starts) if start <= day)
    return starts[max(0, step - 1)]


def usable(ramps: Mapping[str, Ramp], names: Sequence[str], date: int) -> list[str]:
    """Of a pool's sources, those that may send one more message today: ramping ones within their day's part, and warm
    ones. A source without a ramp is warm."""
    return [
        name for name in names if (ramp := ramps.get(name)) is None or ramp.on(date).warm or ramp.allowance(date) > 0
    ]
