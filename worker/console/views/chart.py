"""Charts as shapes in a field of 1000 by 240, for inline SVG. Pure.

Labels stand beside the field, as text of the page, so that they keep their size on every screen.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10

from worker.console.views.course import Bin
from worker.console.views.wording import clock, count, lasting, milliseconds

WIDTH, HEIGHT = 1000, 240
LINES = 4

_LAYERS = ("sent", "failed", "cancelled", "in_flight")


@dataclass(frozen=True, slots=True)
class Layer:
    """One filled shape; `kind` names its colour, `path` is SVG path data."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Bar:
    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Field:
    """What stands beside a chart: `scale` from the top down, `first` and `last` time."""

    scale: tuple[str, ...]
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Stack:
    field: Field
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """`unit`: what the bars are counted in."""

    field: Field
    bars: tuple[Bar, ...]
    unit: str


def stack(bins: Sequence[Bin], step: int, now: float) -> Stack:
    """Where a delivery's messages stood over time: sent at the bottom, what is still in flight on top."""
    heights = [(one.all_sent, one.all_failed, one.all_cancelled, one.in_flight) for one in bins]
    heights = [(0, 0, 0, 0), *heights] if len(heights) == 1 else heights
    top = nice(max((sum(column) for column in heights), default=0))
    layers, floor = [], [0.0] * len(heights)
    for number, kind in enumerate(_LAYERS):
        ceiling = [low + column[number] for low, column in zip(floor, heights, strict=True)]
        if any(column[number] for column in heights):
            layers.append(Layer(kind, _band(floor, ceiling, top)))
        floor = ceiling
    return Stack(_field(bins, top, step, now), tuple(layers))


def bars(bins: Sequence[Bin], step: int, now: float) -> Bars:
    """Messages an hour to recipients, and errors, in each step."""
    hourly = 3600 / step
    top = nice(max((one.sent + one.failed for one in bins), default=0) * hourly)
    width = WIDTH / max(1, len(bins))
    made = []
    for number, one in enumerate(bins):
        title = f"{clock(one.at, now)}: {count(one.sent)} sent, {count(one.failed)} failed"
        high = 0.0
        for kind, messages in (("sent", one.sent), ("failed", one.failed)):
            if messages:
                height = messages * hourly / top * HEIGHT
                high += height
                place = round(number * width + width * 0.08, 2), round(HEIGHT - high, 2)
                made.append(Bar(kind, *place, round(width * 0.84, 2), round(height, 2), title))
    return Bars(_field(bins, top, step, now), tuple(made), f"messages an hour, in steps of {lasting(step)}")


def spread(counts: Mapping[int, int]) -> Bars:
    """Messages by how long they took: `counts` by milliseconds, each bar twice as wide in time as the one before."""
    doubled: Counter[int] = Counter()
    for ms, messages in counts.items():
        doubled[ms.bit_length()] += messages
    first, last = min(doubled, default=0), max(doubled, default=0)
    top = nice(max(doubled.values(), default=0))
    width = WIDTH / (last - first + 1)
    made = []
    for number in sorted(doubled):
        height = doubled[number] / top * HEIGHT
        title = f"under {milliseconds(2**number)}: {count(doubled[number])} messages"
        place = round((number - first + 0.08) * width, 2), round(HEIGHT - height, 2)
        made.append(Bar("sent", *place, round(width * 0.84, 2), round(height, 2), title))
    field = Field(_scale(top), milliseconds(2**first // 2), milliseconds(2**last))
    return Bars(field, tuple(made), "messages, each bar twice as long as the one before")


def nice(most: float) -> float:
    """The end of a scale whose quarters are round numbers, at least `most`."""
    if most <= LINES:
        return float(LINES)
    unit = 10 ** (ceil(log10(most)) - 1)
    return next(float(step * unit) for step in (1, 2, 4, 6, 8, 10) if step * unit >= most)


def _band(floor: Sequence[float], ceiling: Sequence[float], top: float) -> str:
    """From left to right along the ceiling, and back along the floor."""
    step = WIDTH / (len(floor) - 1) if len(floor) > 1 else WIDTH
    there = [_point(number * step, value, top) for number, value in enumerate(ceiling)]
    back = [_point(number * step, value, top) for number, value in enumerate(floor)]
    return "M" + "L".join([*there, *reversed(back)]) + "Z"


def _point(x: float, value: float, top: float) -> str:
    return f"{x:.1f} {HEIGHT - value / top * HEIGHT:.1f}"


def _scale(top: float) -> tuple[str, ...]:
    return tuple(count(top * line / LINES) for line in range(LINES, -1, -1))


def _field(bins: Sequence[Bin], top: float, step: int, now: float) -> Field:
    scale = _scale(top)
    if not bins:
        return Field(scale, "", "")
    return Field(scale, clock(bins[0].at, now), clock(bins[-1].at + step, now))
