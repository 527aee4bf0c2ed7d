"""Waves: a delivery cut into parts that start one after the other.

Two ways to say it. *Same size*: `30%/2d`, `5000/6h`: a size and the period between starts, until all is sent. *Calendar*:
`10%,15%+12h,20%+12h,25%+12h,30%+12h`: one row a wave, each with its size and, after the plus sign, its delay after the
start of the wave before (for the first: after the start of the delivery, if any). Whatever the sizes, the last wave takes
the remainder.
"""

from dataclasses import dataclass
from fractions import Fraction

from mta.duration import HOUR, format_duration, parse_duration

MAX_WAVES = 1000
RETRY_ROOM = 12 * HOUR
"""Seconds of validity that a last wave should have before it for its retries: long enough to outlive a greylisting, an
overload or an hour-long block several times."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many of a delivery: a share of it, plus a count; one of them is zero."""

    share: Fraction = Fraction(0)
    count: int = 0

    def of(self, total: int) -> int:
        return min(total, int(total * self.share) + self.count)

    def __add__(self, other: "Size") -> "Size":
        return Size(self.share + other.share, self.count + other.count)


@dataclass(frozen=True, slots=True)
class SameSize:
    size: Size
    period: float  # seconds from start to start


@dataclass(frozen=True, slots=True)
class Row:
    """`delay` in seconds after the start of the wave before."""

    delay: float
    size: Size


@dataclass(frozen=True, slots=True)
class Calendar:
    rows: tuple[Row, ...]


Waves = SameSize | Calendar

ALL_AT_ONCE = Calendar((Row(0.0, Size(Fraction(1))),))


@dataclass(frozen=True, slots=True)
class Wave:
    """`start` in seconds after the start of the delivery, `count` recipients (none: the list is shorter than the plan)."""

    number: int
    start: float
    count: int


@dataclass(frozen=True, slots=True)
class Sound:
    """Nothing to say about the plan."""


@dataclass(frozen=True, slots=True)
class Tight:
    """It can go ahead, but the user should know `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """It must not go ahead, because of `text`."""

    text: str


def parse_waves(text: str) -> Waves | str:
    """The waves that `text` asks for, or what is wrong with it, in words for the user."""
    try:
        if "/" in text:
            return _same_size(text)
        return _calendar([part.strip() for part in text.split(",")])
    except ValueError as fault:
        return str(fault)


def _same_size(text: str) -> SameSize:
    size, _, period = text.partition("/")
    if "," in text or "+" in text:
        raise ValueError("one size and one period, such as 30%/2d, or rows, such as 10%,15%+12h: not both")
    waves = SameSize(_size(size.strip()), parse_duration(period))
    if waves.period <= 0:
        raise ValueError("the period between two waves must be longer than 0s")
    return waves


def _calendar(parts: list[str]) -> Calendar:
    if parts == [""]:
        raise ValueError("no wave is given: write a size and a period, such as 30%/2d, or rows, such as 10%,15%+12h")
    if len(parts) == 1:
        raise ValueError(
            f"{parts[0]!r} is a single wave: write its period, as in 30%/2d, or more rows, as in 30%,70%+12h"
        )
    if len(parts) > MAX_WAVES:
        raise ValueError(f"{len(parts)} waves are asked for; {MAX_WAVES} are the most")
    rows = tuple(_row(number, part) for number, part in enumerate(parts))
    shares = sum(row.size.share for row in rows)
    if shares > 1:
        raise ValueError(f"the shares add up to {float(shares * 100):g} %, more than the whole")
    return Calendar(rows)


def _row(number: int, part: str) -> Row:
    size, plus, delay = part.partition("+")
    if number and not plus:
        raise ValueError(f"wave {number} ({part!r}) needs its delay after the wave before, such as {part or '15%'}+12h")
    row = Row(parse_duration(delay) if plus else 0.0, _size(size.strip()))
    if number and row.delay <= 0:
        raise ValueError(f"wave {number} ({part!r}) must start later than the wave before")
    return row


def _size(text: str) -> Size:
    number = text.removesuffix("%").strip()
    share = text.endswith("%")
    if not number.isascii() or not number.replace(".", "", 1 if share else 0).isdigit() or len(number) > 12:
        raise ValueError(f"{text!r} is no size: write a share, such as 30%, or a count, such as 5000")
    value = Fraction(number)
    if value <= 0:
        raise ValueError(f"{text!r} is no size: a wave has at least one message")
    if share and value > 100:
        raise ValueError(f"{text!r} is more than the whole")
    return Size(share=value / 100) if share else Size(count=int(value))


def plan(waves: Waves, total: int) -> list[Wave] | str:
    """The waves of a delivery to `total` recipients, numbered from 0, or why there is no such plan.

    Shares are cut on the running sum, so that rounding never adds up: 30 % of ten, four times, is 3, 3, 3, 1.
    """
    match waves:
        case SameSize(size, period):
            count = _waves_needed(size, total)
            if count > MAX_WAVES:
                return f"{count} waves would be needed for {total} recipients; {MAX_WAVES} are the most"
            rows: tuple[Row, ...] = tuple(Row(period if number else 0.0, size) for number in range(count))
        case Calendar(rows):
            pass
    planned: list[Wave] = []
    start, begun, sizes = 0.0, 0, Size()
    for number, row in enumerate(rows):
        start, sizes = start + row.delay, sizes + row.size
        end = total if number == len(rows) - 1 else sizes.of(total)
        planned.append(Wave(number, start, end - begun))
        begun = end
    return planned


def _waves_needed(size: Size, total: int) -> int:
    if size.share:
        return -int(-1 // size.share)
    return max(1, -(-total // size.count))


def judge(planned: list[Wave], validity: float) -> Sound | Tight | Impossible:
    """Whether the last wave leaves room for its retries within `validity`, in seconds from the delivery's start."""
    last = planned[-1]
    where = f"wave {last.number} starts {format_duration(last.start)} after the first"
    if last.start >= validity:
        return Impossible(f"{where}, but the validity ends after {format_duration(validity)}: it could never be sent")
    room = validity - last.start
    if len(planned) > 1 and room < RETRY_ROOM:
        return Tight(f"{where}, {format_duration(room)} before the validity ends: little time is left for its retries")
    return Sound()
