"""How a delivery went so far, minute by minute, how fast it goes now, and when it may be over. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from feedback.tracker.tick import STEP
from worker.console.records import Beat

LATELY = 300.0
"""Seconds over which the present rate is taken."""

STALLED = 1800.0
"""Seconds without progress from which a delivery in flight counts as delayed."""

BINS = 90
"""A course is drawn with at most so many steps."""

_STEPS = (10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)


@dataclass(frozen=True, slots=True)
class Bin:
    """The step that begins at `at`: what ended in it, and how many messages stood where at its end."""

    at: float
    sent: int
    failed: int
    cancelled: int
    all_sent: int
    all_failed: int
    all_cancelled: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class Course:
    """`began`: the first acceptance; `progress`: the last time anything was settled; `rate`: messages settled a second,
    lately; `step`: seconds of each of `bins`. Times are POSIX seconds."""

    began: float | None = None
    progress: float | None = None
    rate: float = 0.0
    step: int = STEP
    bins: tuple[Bin, ...] = ()


def course(beats: Sequence[Beat], now: float) -> Course:
    """The course that the beats of one delivery amount to."""
    taken = [beat for beat in beats if beat.standing == "taken"]
    settled = [beat for beat in beats if beat.standing in ("sent", "failed", "cancelled")]
    ticks = [beat.tick for beat in (*taken, *settled)]
    if not ticks:
        return Course()
    began, progress = min(ticks), max((beat.tick for beat in settled), default=None)
    step = _step(max(ticks) - began)
    bins = _bins(taken, settled, step)
    return Course(began, progress, rate(settled, began, now), step, bins)


def rate(settled: Sequence[Beat], began: float, now: float) -> float:
    """Messages settled a second, over the last minutes or since it began."""
    since = max(now - LATELY, began)
    return sum(beat.messages for beat in settled if beat.tick >= since - STEP) / max(now - since, STEP)


def finish(remaining: int, per_second: float, now: float) -> float | None:
    """When so many messages are settled at this rate (POSIX seconds); None: it cannot be told."""
    if remaining and per_second <= 0:
        return None
    return now + remaining / per_second if remaining else now


def state(in_flight: int, went: Course, now: float) -> str:
    """`done`, `under way`, `waiting` (nothing settled yet) or `delayed` (no progress for half an hour)."""
    if not in_flight:
        return "done"
    if now - (went.progress or went.began or now) >= STALLED:
        return "delayed"
    return "waiting" if went.progress is None else "under way"


def _step(span: float) -> int:
    return next((step for step in _STEPS if span / step < BINS), _STEPS[-1])


def _bins(taken: Sequence[Beat], settled: Sequence[Beat], step: int) -> tuple[Bin, ...]:
    came: Counter[int] = Counter()
    ended: Counter[tuple[int, str]] = Counter()
    for beat in taken:
        came[int(beat.tick // step)] += beat.messages
    for beat in settled:
        ended[int(beat.tick // step), beat.standing] += beat.messages
    numbers = [*came, *(number for number, _ in ended)]
    made: list[Bin] = []
    sent = failed = cancelled = all_taken = 0
    for number in range(min(numbers), max(numbers) + 1):
        new_sent, new_failed, new_cancelled = (ended[number, standing] for standing in ("sent", "failed", "cancelled"))
        sent, failed, cancelled = sent + new_sent, failed + new_failed, cancelled + new_cancelled
        all_taken += came[number]
        made.append(
            Bin(
                at=float(number * step),
                sent=new_sent,
                failed=new_failed,
                cancelled=new_cancelled,
                all_sent=sent,
                all_failed=failed,
                all_cancelled=cancelled,
                in_flight=max(0, all_taken - sent - failed - cancelled),
            )
        )
    return tuple(made)
