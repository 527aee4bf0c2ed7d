"""A job settled, in the order that loses nothing: record, then publish, then park, then finish the ticket.

Each step is confirmed before the next begins. After a crash at any point the ticket comes up again, the log tells how far
things had got, and `repeat` does the rest once more; feedback events repeat with the same `event_id`.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from msgspec.structs import replace

from feedback.event import Event, encode, join, trace_of
from feedback.log import DeliveryLog, Fresh, InDoubt, Outcome, Settled, State, Taken, Waiting
from feedback.log.story import Hold, is_kept, with_hold, write_attempt
from feedback.writer import Writer
from mta.attempt import Attempt
from mta.lane import Lane
from worker.disposition import Cancelled, Disposition, Done, Expired, GiveUp, HeldUntil, RetryAt
from worker.group import Group
from worker.outage import Outage
from worker.queue import JobQueue, Ticket
from worker.window import Window

_LOG_BATCH = 200

LINGER, BUSY = 0.003, 3
"""Seconds that intents and outcomes wait for each other, where so many have come together before: a statement for twice as
many costs half as much for each, and with few under way nobody waits."""

_Item = TypeVar("_Item")

OUTCOMES = ("sent", "delayed", "bounced", "expired", "rejected", "in_doubt", "cancelled")
"""What `Settlement.settled` counts: the events that outcomes are reported with, failures by their cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How events share a feedback message: at most `batch` in one, waiting at most `linger` seconds for each other."""

    batch: int = 500
    linger: float = 0.05


class Traces(Protocol):
    """Where spans of traced jobs go."""

    def accepted(self, state: State) -> None:
        """A job was taken for the first time."""

    def concluded(self, state: State, event: Event, attempt: Attempt | None, now: float) -> None:
        """An outcome was recorded, by an attempt or without one."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of jobs beside their events: the conversations of a `sample` of successes are kept (see
    `feedback.log.story.is_kept`), and spans of traced jobs go to `traces`, if to anybody."""

    sample: float = 0.01
    traces: Traces | None = None


_PLAIN = Telling()


class Settlement:
    """The last steps of a job's way. `settled` counts outcomes recorded, `held` jobs put back before their attempt,
    `published` the events that the broker has confirmed."""

    def __init__(
        self,
        log: DeliveryLog,
        queue: JobQueue,
        writer: Writer,
        outage: Outage,
        grouping: Grouping,
        telling: Telling = _PLAIN,
    ) -> None:
        self._queue = queue
        self._writer = writer
        self._outage = outage
        self._log = log
        self.window = Window()
        self.settled: Counter[str] = Counter()
        self.held = self.published = 0
        self._record = Group(self._write, limit=_LOG_BATCH, linger=LINGER, least=BUSY)
        self._telling = telling
        self._release = Group(self._confirmed(log.release), limit=_LOG_BATCH)
        self._parked = Group(self._confirmed(log.parked), limit=_LOG_BATCH)
        self._events = Group(self._publish, limit=grouping.batch, linger=grouping.linger)

    def admit(self, ticket: Ticket, lane: Lane, domain: str) -> bool:
        """Whether a ticket may go to the gate now, or there are enough of its site's on the way."""
        return self._queue.admit(ticket, lane.site, domain)

    def told(self, ticket: Ticket, lane: Lane, *, waited: float, until: float | None) -> None:
        """What the gate said to a ticket: leave after `waited` seconds, or none before `until`."""
        self._queue.told(ticket, lane, waited=waited, until=until)

    def publish(self, event: bytes) -> Awaitable[None]:
        """Send an encoded event out with the next feedback message; awaiting it waits for the broker's confirmation."""
        return self._events.join(event)

    def accept(self, claim: Fresh | Taken | InDoubt) -> Awaitable[None]:
        """Report a job as accepted, unless that is known to be out: no outcome is recorded, and no job handed back,
        before it was confirmed."""
        if isinstance(claim, Taken) or claim.state.seq > 0:
            return _nothing()
        if self._telling.traces is not None and isinstance(claim, Fresh):
            self._telling.traces.accepted(claim.state)
        return self.publish(encode(self._writer.accepted(claim.state)))

    async def settle(self, ticket: Ticket, state: State, disposition: Disposition, now: float) -> None:
        """Write down, report and act on what became of a job; `state.attempt` counts the attempt just made."""
        match disposition:
            case HeldUntil(at, _, site) as held:
                self.held += 1
                await self._release.join((state.face.job_id, state.attempt, _with_hold(state, held, now)))
                self.window.leave(state.face.job_id)
                if site is None:
                    await self._park(ticket, state, at, now)
                else:
                    await self._hold(ticket, state, site, at - now)
                await self.finish(ticket)
            case Done(attempt):
                await self._conclude(ticket, state, self._writer.sent(state, now, attempt), attempt, now)
            case GiveUp(failure):
                await self._conclude(ticket, state, self._writer.failed(state, now, failure), failure.attempt, now)
            case Expired():
                await self._conclude(ticket, state, self._writer.expired(state, now), None, now)
            case Cancelled():
                await self._conclude(ticket, state, self._writer.cancelled(state, now), None, now)
            case RetryAt(at, attempt, qualification):
                event = self._writer.delayed(state, now, attempt, qualification, at)
                await self._conclude(ticket, state, event, attempt, now, retry_at=at)

    def concluded(self, state: State, event: Event, attempt: Attempt | None, now: float) -> str:
        """Count an outcome that was recorded, and tell of it whoever follows the job's trace; what it counts as."""
        kind = event.cause or event.event
        self.settled[kind] += 1
        if self._telling.traces is not None:
            self._telling.traces.concluded(state, event, attempt, now)
        return kind

    async def repeat(self, ticket: Ticket, claim: Waiting | Settled, now: float) -> None:
        """Do again, for a ticket whose job was recorded before, whatever may not have been confirmed then."""
        match claim:
            case Settled(State(last_event=bytes(event))):
                await self.publish(event)
            case Waiting(_, retry_at, parked) if ticket.generation < claim.state.seq:
                if not parked:
                    await self._report_and_park(ticket, claim.state, retry_at, now)
            case Waiting(_, retry_at, _):
                await self._park(ticket, claim.state, retry_at, now)
        await self.finish(ticket)

    async def look_again(self, ticket: Ticket, delay: float) -> None:
        """Put a ticket aside that another copy of is being worked on."""
        await self._outage.outlast(
            lambda: self._queue.park(
                ticket, delay=delay, generation=ticket.generation, transactional=ticket.transactional
            )
        )
        await self.finish(ticket)

    async def forsake(self, ticket: Ticket, job_id: str, delay: float) -> None:
        """Let go of a job that we cannot get on with, as a dead worker would, and look again after `delay` seconds."""
        await self._outage.outlast(lambda: self._log.forsake([job_id]))
        await self.look_again(ticket, delay)

    async def finish(self, ticket: Ticket) -> None:
        await self._outage.outlast(lambda: self._queue.done(ticket))

    async def _conclude(
        self,
        ticket: Ticket,
        state: State,
        event: Event,
        attempt: Attempt | None,
        now: float,
        *,
        retry_at: float | None = None,
    ) -> None:
        outcome = Outcome.of(state, event, retry_at=retry_at, story=self._story(event, attempt))
        written = await self._record.join(outcome)
        self.window.leave(outcome.job_id)  # now, not when all is published: the next mail's dot may be waiting
        if written:
            self.concluded(state, event, attempt, now)
            recorded = replace(state, seq=event.seq, last_event=outcome.event)
            if retry_at is None:
                await self.publish(outcome.event)
            else:
                await self._report_and_park(ticket, recorded, retry_at, now)
        await self.finish(ticket)

    async def _report_and_park(self, ticket: Ticket, state: State, retry_at: float, now: float) -> None:
        if state.last_event is not None:
            await self.publish(state.last_event)
        await self._park(ticket, state, retry_at, now)
        await self._parked.join((state.face.job_id, state.seq))

    async def _park(self, ticket: Ticket, state: State, at: float, now: float) -> None:
        if at >= state.expires_at:
            return  # the sweep settles it on time; a ticket would only come up to be dropped
        await self._outage.outlast(
            lambda: self._queue.park(
                ticket, delay=max(0.0, at - now), generation=state.seq, transactional=ticket.transactional
            )
        )

    async def _hold(self, ticket: Ticket, state: State, site: str, delay: float) -> None:
        await self._outage.outlast(
            lambda: self._queue.hold(ticket, site=site, delay=max(0.0, delay), generation=state.seq)
        )

    def _story(self, event: Event, attempt: Attempt | None) -> bytes | None:
        if attempt is None or not is_kept(event.job_id, attempt, event.attempt, self._telling.sample):
            return None
        return write_attempt(event, attempt)

    async def _write(self, outcomes: Sequence[Outcome]) -> Sequence[bool]:
        written = await self._outage.outlast(lambda: self._log.record(outcomes))
        return [outcome.job_id in written for outcome in outcomes]

    def _confirmed(
        self, call: Callable[[Sequence[_Item]], Awaitable[None]]
    ) -> Callable[[Sequence[_Item]], Awaitable[Sequence[None]]]:
        async def flush(batch: Sequence[_Item]) -> Sequence[None]:
            await self._outage.outlast(lambda: call(batch))
            return [None] * len(batch)

        return flush

    async def _publish(self, events: Sequence[bytes]) -> Sequence[None]:
        traces = set(map(trace_of, events))
        trace = traces.pop() if len(traces) == 1 else None
        await self._outage.outlast(lambda: self._queue.publish_events(join(list(events)), trace))
        self.published += len(events)
        return [None] * len(events)


def _with_hold(state: State, held: HeldUntil, now: float) -> bytes:
    hold = Hold(
        since=now,
        until=held.at,
        why=held.why,
        attempts=state.attempt,
        site=held.site,
        rule=held.rule,
        reply=held.reply,
    )
    return with_hold(state.holds, hold)


async def _nothing() -> None:
    pass
