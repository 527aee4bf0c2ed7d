"""What must hold after any fault, read from three sides: what was published, what arrived, what was reported. Pure."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Told = Mapping[str, Any]
"""One feedback event as it came off the feedback queue, decoded."""


_READ = ("event_id", "job_id", "delivery_id", "seq", "event", "cause", "final", "in_doubt")


def gist(event: Told) -> Told:
    """What is read of an event here, and a digest of the rest of it, for when there are too many to keep."""
    rest = {name: value for name, value in event.items() if name not in (*_READ, "worker")}
    kept = {name: event[name] for name in _READ if name in event}
    return {**kept, "rest": hash(json.dumps(rest, sort_keys=True))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One mail that arrived: for whom, and which job's message it is."""

    rcpt: str
    job_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known after a fault.

    `jobs` maps each accepted job to its recipient. `events` holds every event that was seen, repeats too. `expected` says
    how a job must end where that is not `sent`: `failed`, or `failed/expired` with its cause. `may_doubt` names the jobs of
    which nobody could know whether their message was taken; no other may be in doubt.
    """

    jobs: Mapping[str, str]
    copies: Sequence[Copy]
    events: Sequence[Told]
    expected: Mapping[str, str] = field(default_factory=dict)
    may_doubt: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The row of the fault table. `breaches` are lines for people; none when all held."""

    jobs: int
    delivered: int
    lost: int
    duplicates: int
    doubt_window: int
    final_events: int
    breaches: tuple[str, ...]


def judge(evidence: Evidence) -> Verdict:
    """Count, and name everything that is not as promised."""
    told = _by_job(evidence.events)
    copies = Counter(copy.job_id for copy in evidence.copies)
    lost = [job_id for job_id in evidence.jobs if _is_lost(job_id, told, copies)]
    return Verdict(
        jobs=len(evidence.jobs),
        delivered=len(copies.keys() & evidence.jobs.keys()),
        lost=len(lost),
        duplicates=sum(count - 1 for count in copies.values()),
        doubt_window=len(evidence.may_doubt),
        final_events=sum(len(_finals(events)) for events in told.values()),
        breaches=tuple(
            [f"{job_id}: lost" for job_id in lost]
            + list(_wrongly_sent(evidence))
            + [line for job_id in evidence.jobs for line in _misreported(told.get(job_id, {}), job_id, evidence)]
            + [line for job_id in evidence.jobs for line in _miscounted(told.get(job_id, {}), job_id, copies, evidence)]
            + list(_changed(evidence.events))
        ),
    )


def _by_job(events: Iterable[Told]) -> dict[str, dict[str, Told]]:
    """Each job's events by their ids."""
    told: defaultdict[str, dict[str, Told]] = defaultdict(dict)
    for event in events:
        told[event["job_id"]][event["event_id"]] = event
    return told


def _finals(events: Mapping[str, Told]) -> list[Told]:
    return [event for event in events.values() if event["final"]]


def _is_lost(job_id: str, told: Mapping[str, Mapping[str, Told]], copies: Counter[str]) -> bool:
    """Nobody heard how it ended, or it was reported sent and never arrived."""
    finals = _finals(told.get(job_id, {}))
    sent = any(event["event"] == "sent" for event in finals)
    doubtful = any(event["in_doubt"] for event in finals)
    return not finals or (sent and not doubtful and not copies[job_id])


def _wrongly_sent(evidence: Evidence) -> Iterable[str]:
    for copy in evidence.copies:
        if evidence.jobs.get(copy.job_id) != copy.rcpt:
            yield f"{copy.job_id}: arrived at {copy.rcpt}, meant for {evidence.jobs.get(copy.job_id)}"


def _misreported(events: Mapping[str, Told], job_id: str, evidence: Evidence) -> Iterable[str]:
    numbers = sorted(event["seq"] for event in events.values())
    if numbers != list(range(len(numbers))):
        yield f"{job_id}: event numbers {numbers}"
    finals = _finals(events)
    if len(finals) > 1:
        yield f"{job_id}: {len(finals)} final events"
    for event in finals:
        if event["seq"] != numbers[-1]:
            yield f"{job_id}: something happened after its final event"
        ended = [event["event"], f"{event['event']}/{event.get('cause')}"]
        if (wanted := evidence.expected.get(job_id, "sent")) not in ended:
            yield f"{job_id}: ended as {ended[-1]}, not {wanted}"


def _miscounted(events: Mapping[str, Told], job_id: str, copies: Counter[str], evidence: Evidence) -> Iterable[str]:
    doubtful = any(event["in_doubt"] for event in events.values())
    if doubtful and job_id not in evidence.may_doubt:
        yield f"{job_id}: in doubt, though nothing could be doubtful about it"
    if copies[job_id] > (2 if doubtful else 1):
        yield f"{job_id}: {copies[job_id]} copies, {'in doubt' if doubtful else 'and no word of doubt'}"
    finals = _finals(events)
    if copies[job_id] and finals and finals[0]["event"] != "sent" and not doubtful:
        yield f"{job_id}: arrived, and was reported {finals[0]['event']}"


def _changed(events: Sequence[Told]) -> Iterable[str]:
    """Repeats that say something else: they may only come from another worker."""
    first: dict[str, Told] = {}
    for event in events:
        known = first.setdefault(event["event_id"], event)
        if {**known, "worker": None} != {**event, "worker": None}:
            yield f"{event['event_id']}: two events under one id"
