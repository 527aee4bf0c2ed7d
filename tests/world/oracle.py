"""What must be true of every world when it is over, read from its story. Pure.

What was published, what arrived, what was reported and what the log says are four witnesses; each promise names the ones
it is about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from msgspec.structs import replace

from feedback.event import Event
from feedback.log import Outcome
from feedback.log.row import read_face
from mta.attempt import Broken, Doubtful, Ending, Refused, Trouble
from tests.world.crew import EPOCH
from tests.world.store import Kept
from tests.world.story import Job, Moment, Story

LATE = 60.0
"""Seconds within which an expired job is reported, not counting times of trouble."""
_FINAL = ("sent", "failed", "cancelled")
_FOR_GOOD = (Trouble.NO_DOMAIN, Trouble.NULL_MX, Trouble.NO_ADDRESS, Trouble.ILLEGAL_MESSAGE)


@dataclass(slots=True)
class Case:
    """All that concerns one job."""

    job: Job
    kept: Kept | None = None
    events: dict[str, Event] = field(default_factory=dict)
    told_at: dict[str, float] = field(default_factory=dict)  # loop's time at which each event was first published
    outcomes: list[tuple[Moment, Outcome]] = field(default_factory=list)
    attempts: list[Moment] = field(default_factory=list)
    endings: list[tuple[Moment, Ending]] = field(default_factory=list)
    copies: list[Moment] = field(default_factory=list)
    doubted: list[Moment] = field(default_factory=list)
    tickets: list[Moment] = field(default_factory=list)
    created_at: float = inf

    @property
    def finals(self) -> list[Event]:
        return [event for event in self.events.values() if event.final]

    @property
    def in_doubt(self) -> bool:
        return any(event.in_doubt for event in self.events.values())


def judge(story: Story) -> list[str]:
    """Every breach of a promise, in words; none when all held."""
    cases = _cases(story)
    found = list(story.breaches)
    found += _changed(story)
    found += _unsettled(story)
    found += _doubt_window(story)
    for case in cases.values():
        checks = _CHECKS if case.job.readable else (_rejected,)
        found += [f"{case.job.job_id}: {line}" for check in checks for line in check(case, story)]
    found += _sums(story, cases)
    return found


def _cases(story: Story) -> dict[str, Case]:
    assert story.store is not None
    cases = {job_id: Case(job, story.store.jobs.get(job_id)) for job_id, job in story.jobs.items()}
    for moment in story.moments:
        case = cases.get(moment.which)
        if case is None:
            continue
        match moment.what:
            case "published":
                case.events.setdefault(moment.about.event_id, moment.about)
                case.told_at.setdefault(moment.about.event_id, moment.at)
            case "recorded":
                case.outcomes.append((moment, moment.about))
            case "attempt":
                case.attempts.append(moment)
            case "ended":
                case.endings.append((moment, moment.about))
            case "copy":
                case.copies.append(moment)
            case "doubted":
                case.doubted.append(moment)
            case "parked":
                case.tickets.append(moment)
            case "created":
                case.created_at = moment.at
    return cases


def _accepted_and_final(case: Case, story: Story) -> Iterator[str]:
    """Nothing lost, and one final event each."""
    if case.kept is None:
        yield "published, and never accepted"
        return
    numbers = sorted(event.seq for event in case.events.values())
    if numbers != list(range(len(numbers))):
        yield f"events {numbers} were reported"
    if "accepted" not in [event.event for event in case.events.values()]:
        yield "was never reported as accepted"
    if len(case.finals) != 1:
        yield f"{len(case.finals)} final events"
    for event in case.finals:
        if event.seq != numbers[-1]:
            yield "something happened after its final event"
        if case.kept.row.final != event.log_status:
            yield f"reported {event.log_status}, recorded {case.kept.row.final}"


def _in_order(case: Case, story: Story) -> Iterator[str]:
    """The log's numbers have no gaps, and nothing is reported before it is recorded."""
    recorded = [outcome.seq for _, outcome in case.outcomes]
    if recorded != list(range(1, len(recorded) + 1)):
        yield f"outcomes {recorded} were recorded"
    at = {f"{case.job.job_id}/{outcome.seq}": moment.at for moment, outcome in case.outcomes}
    for event_id, told_at in case.told_at.items():
        if not event_id.endswith("/0") and told_at < at.get(event_id, inf):
            yield f"{event_id} was reported before it was recorded"


def _copies(case: Case, story: Story) -> Iterator[str]:
    """At most once, but for the doubt window."""
    copies, most = len(case.copies), 2 if case.in_doubt and case.job.on_doubt == "retry" else 1
    if copies > most:
        yield f"{copies} copies, {'in doubt' if case.in_doubt else 'without a word of doubt'}, {case.job.on_doubt}"
    if case.kept is not None:
        wanted = read_face(case.kept.row.face).rcpt_to
        for moment in case.copies:
            if moment.about[0] != wanted or f"Subject: {wanted}".encode() not in moment.about[1]:
                yield f"a copy for {moment.about[0]}, meant for {wanted}"
    reasons = bool(case.doubted) or any(isinstance(ending, Doubtful) for _, ending in case.endings)
    if case.in_doubt and not reasons:
        yield "in doubt for no reason"
    if case.job.test and copies:
        yield "an SMTP test was transmitted"


def _truth(case: Case, story: Story) -> Iterator[str]:
    """Sent means taken, bounced means refused, and nothing that was taken is reported as if it were not."""
    for event in case.finals:
        doubt = event.in_doubt
        assumed = case.job.test or (doubt and case.job.on_doubt == "assume_sent")
        if event.event == "sent" and not case.copies and not assumed:
            yield "sent, and never taken"
        if event.event != "sent" and case.copies and not doubt:
            yield f"taken, and reported {event.event}/{event.cause}"
        refused = "gone.example" in case.job.rcpt_to or any(_is_refusal(ending) for _, ending in case.endings)
        if event.cause == "bounced" and not refused:
            yield "bounced, and nobody refused it"
        if event.cause == "in_doubt" and not doubt:
            yield "failed in doubt, which no event says"
        rejected = event.cause == "rejected"
        if event.event == "failed" and event.cause != "expired" and rejected == case.job.possible:
            yield f"failed/{event.cause}, possible: {case.job.possible}"


def _is_refusal(ending: Ending) -> bool:
    match ending:
        case Refused(reply):
            return reply.permanent
        case Broken(trouble):
            return trouble in _FOR_GOOD
        case _:
            return False


def _in_time(case: Case, story: Story) -> Iterator[str]:
    """No attempt before the contact date or after expiry; expiry is told on time and not before."""
    if case.kept is None:
        return
    expires_at = case.kept.row.expires_at
    for moment in case.attempts:
        if case.job.not_before is not None and (shown := _latest(story, moment.at)) < case.job.not_before:
            yield f"tried {case.job.not_before - shown:.1f} s before its contact date"
        if moment.wall >= expires_at:
            yield f"tried {moment.wall - expires_at:.1f} s after it expired"
    for event in case.finals:
        if event.cause != "expired":
            continue
        shown = max(_posix(event.at), _latest(story, case.outcomes[-1][0].at if case.outcomes else 0.0))
        if shown < expires_at - 0.001:
            yield "expired before its time"
        since = max([_expired_since(story, expires_at), case.created_at, *(moment.at for moment, _ in case.endings)])
        late = _untroubled(story, since, case.told_at[event.event_id])
        if late > LATE:
            yield f"its expiry was reported {late:.0f} s late"


def _cancelled(case: Case, story: Story) -> Iterator[str]:
    """Two seconds after a cancellation no attempt begins; without one nothing is cancelled."""
    orders = [
        moment
        for moment in story.moments
        if moment.what == "cancelled by order" and moment.which == case.job.delivery_id
    ]
    if any(event.event == "cancelled" for event in case.finals) and not orders:
        yield "cancelled, and nobody said so"
    if not orders:
        return
    for moment in case.attempts:
        if _untroubled(story, orders[0].at, moment.at) > 2.5:
            yield f"tried {moment.at - orders[0].at:.1f} s after its delivery was cancelled"


def _rejected(case: Case, story: Story) -> Iterator[str]:
    """What cannot be read goes to the rejected queue, with one event, and is never accepted."""
    assert story.broker is not None
    if case.kept is not None or case.copies:
        yield "cannot be read, and was accepted"
    if set(case.events) != {f"{case.job.job_id}/rejected"}:
        yield f"cannot be read, and these events came: {sorted(case.events)}"
    if not any(f'"{case.job.job_id}"'.encode() in ticket.body for ticket in story.broker.rejected):
        yield "cannot be read, and is not in the rejected queue"


def _changed(story: Story) -> Iterator[str]:
    """A repeated event says what it said before, whichever worker repeats it."""
    first: dict[str, Event] = {}
    for moment in story.moments:
        if moment.what == "published":
            event = moment.about
            known = first.setdefault(event.event_id, event)
            if event is not known and _unsigned(event) != _unsigned(known):
                yield f"{event.event_id}: two events under one id: {known}, {event}"


def _unsigned(event: Event) -> Event:
    if event.event_id.endswith("/rejected"):  # of what was never accepted nothing is kept, its time neither
        return replace(event, worker="", at="")
    return replace(event, worker="")


def _unsettled(story: Story) -> Iterator[str]:
    """No ticket, no claim, no intent is left anywhere."""
    assert story.store is not None
    assert story.broker is not None
    if story.broker.tickets:
        yield f"{story.broker.tickets} tickets are left"
    for job_id, kept in story.store.jobs.items():
        row = kept.row
        if row.owner is not None or row.intent or row.undecided or kept.publisher is not None:
            yield f"{job_id}: left with owner {row.owner}, intent {row.intent}, publisher {kept.publisher}"
    for moment in story.moments:
        if moment.what == "forsaken":
            yield f"{moment.which}: a fault of our own"


def _doubt_window(story: Story) -> Iterator[str]:
    """What a worker would leave in doubt if it were killed now is, at any instant, at most two for each of its connections."""
    begun: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    owners: dict[str, tuple[str, str]] = {}
    breached: set[tuple[str, str]] = set()
    for moment in story.moments:
        if moment.what in ("intended", "recorded", "released", "taken"):
            begun[owners.pop(moment.which, ("", ""))].discard(moment.which)
        if moment.what == "intended":
            site = story.sites[story.jobs[moment.which].rcpt_to.partition("@")[2]]
            lane = owners[moment.which] = (moment.about, site)
            begun[lane].add(moment.which)
            if len(begun[lane]) > 2 * story.connections[site] and lane not in breached:
                breached.add(lane)
                yield f"{lane[0]} has {len(begun[lane])} dots of {site} unrecorded, {story.connections[site]} connections"


def _no_early_ticket(case: Case, story: Story) -> Iterator[str]:
    """No retry ticket is queued before the outcome that it stands for is recorded."""
    recorded = {outcome.seq: moment.at for moment, outcome in reversed(case.outcomes)}
    for moment in case.tickets:
        if moment.about and moment.at < recorded.get(moment.about, inf):
            yield f"ticket {moment.about} was queued before its outcome was recorded"


def _sums(story: Story, cases: dict[str, Case]) -> Iterator[str]:
    """The log's sums are those of the events."""
    assert story.store is not None
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for case in cases.values():
        if case.job.readable and not case.job.test:
            counted[case.job.delivery_id]["accepted"] += 1
            counted[case.job.delivery_id].update(event.log_status for event in case.finals)
    for tally in story.store.tally(None):
        events = counted[tally.delivery_id]
        if (tally.accepted, *(getattr(tally, final) for final in _FINAL)) != (
            events["accepted"],
            *(events[final] for final in _FINAL),
        ):
            yield f"{tally.delivery_id}: the log has {tally}, the events are {dict(events)}"


def _expired_since(story: Story, expires_at: float) -> float:
    """The loop's time from which on the wall clock showed that it was over, to the end."""
    since = -inf
    for number, (begins, offset) in enumerate(story.clock):
        ends = story.clock[number + 1][0] if number + 1 < len(story.clock) else inf
        passed = expires_at - EPOCH - offset
        if passed >= ends:
            since = inf
        elif passed > begins or since == inf:
            since = max(passed, begins)
    return since


def _latest(story: Story, until: float) -> float:
    """The latest that any clock has shown by then: whoever asked before it was set back did not err."""
    shown = [
        EPOCH + min(until, story.clock[number + 1][0] if number + 1 < len(story.clock) else inf) + offset
        for number, (begins, offset) in enumerate(story.clock)
        if begins <= until
    ]
    return max(shown, default=-inf)


def _untroubled(story: Story, since: float, until: float) -> float:
    """Seconds between two times, not counting those of trouble."""
    left, reached = 0.0, since
    for begins, ends in sorted(story.troubles):
        if begins > until:
            break
        left += max(0.0, min(begins, until) - reached)
        reached = max(reached, ends)
    return left + max(0.0, until - reached)


def _posix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


_CHECKS = (_accepted_and_final, _in_order, _no_early_ticket, _copies, _truth, _in_time, _cancelled)
