"""The proof that accepted = sent + failed + cancelled + in flight, job by job, from two sides: the log and the tracker."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

from feedback.log import DeliveryLog
from feedback.tracker import Fate, Tracker

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A job on which the two sides do not agree. `log` and `tracker`: `absent`, `in flight`, or how it ended there."""

    delivery_id: str
    job_id: str
    log: str
    tracker: str
    words: str


async def reconcile(
    log: DeliveryLog, tracker: Tracker, delivery_id: str | None = None, page: int = PAGE
) -> AsyncIterator[Discrepancy]:
    """Every job of a delivery, or of all, that breaks the sum; memory holds one page of each side.

    A tracker that has not yet read all feedback shows as `log` being further than `tracker`: look again when the feedback
    queue is empty. The tracker is read before the log, which is always written first, so nothing else comes of running.
    """
    for name in [delivery_id] if delivery_id is not None else await _deliveries(log, tracker):
        after: str | None = ""
        while after is not None:
            tracked = await tracker.finals(name, after, page)
            logged = await log.finals(name, after, page)
            upto = _upto(
                tracked[-1].job_id if len(tracked) == page else None, logged[-1][0] if len(logged) == page else None
            )
            for discrepancy in compare(name, dict(logged), {fate.job_id: fate for fate in tracked}, upto):
                yield discrepancy
            after = upto


def compare(
    delivery_id: str, logged: Mapping[str, str | None], tracked: Mapping[str, Fate], upto: str | None
) -> Iterator[Discrepancy]:
    """The jobs up to `upto` (None: all) that do not stand the same on both sides, in order."""
    for job_id in sorted(logged.keys() | tracked.keys()):
        if upto is not None and job_id > upto:
            return
        fate = tracked.get(job_id)
        log = (logged[job_id] or "in flight") if job_id in logged else "absent"
        tracker = (fate.final or "in flight") if fate is not None else "absent"
        if words := _words(log, tracker, contradicted=fate is not None and fate.contradicted):
            yield Discrepancy(delivery_id, job_id, log, tracker, words)


def _words(log: str, tracker: str, *, contradicted: bool) -> str | None:
    if contradicted:
        return "more than one final event"
    if log == tracker:
        return None
    match log, tracker:
        case "absent", _:
            return "the tracker has a job that the log does not know"
        case _, "absent":
            return "the tracker has heard nothing of an accepted job"
        case _, "in flight":
            return "the tracker has not heard the final event"
        case "in flight", _:
            return "the tracker has a final event of a job that the log has in flight"
        case _:
            return "the job ended one way in the log and another in the tracker"


def _upto(tracked: str | None, logged: str | None) -> str | None:
    """How far both pages reach; None when neither is full, and so to the end."""
    return min((end for end in (tracked, logged) if end is not None), default=None)


async def _deliveries(log: DeliveryLog, tracker: Tracker) -> list[str]:
    return sorted({tally.delivery_id for tally in await log.tally(None)} | set(await tracker.deliveries()))
