"""Bugs planted on purpose, each a promise broken in one line: a simulation that does not find them proves nothing.

Each is put into the real code at run time and taken out again.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

import feedback.log.row
import worker.process
from feedback.event import Event, encode, join
from feedback.log import DeliveryLog, InDoubt, Outcome, Settled, State, Taken, Waiting
from mta.attempt import Attempt
from tests.world import store
from worker.delivery import Delivery
from worker.queue import JobQueue, QueueAway, Ticket
from worker.settlement import Settlement
from worker.sweep import Sweep
from worker.window import Window


@dataclass(frozen=True, slots=True)
class Bug:
    """`puts`: what is put in the place of which attribute of what."""

    words: str
    puts: Sequence[tuple[Any, str, Any]]

    @contextmanager
    def planted(self) -> Iterator[None]:
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in self.puts]
        for owner, name, value in self.puts:
            setattr(owner, name, value)
        try:
            yield
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)


def _conclude(steps: str) -> Callable[..., Awaitable[None]]:
    """The end of a job with its steps in another order: `r`ecord, `p`ublish and park, `f`inish the ticket, only `P`ark."""

    async def conclude(
        self: Settlement,
        ticket: Ticket,
        state: State,
        event: Event,
        *,
        final: str | None = None,
        retry_at: float | None = None,
        now: float = 0.0,
    ) -> None:
        outcome = Outcome(
            job_id=state.face.job_id,
            seq=event.seq,
            attempt=state.attempt,
            event=encode(event),
            final=final,
            retry_at=retry_at,
            doubtful=state.doubtful,
        )
        recorded = replace(state, seq=event.seq, last_event=outcome.event)
        for step in steps:
            if step == "r":
                written = await self._record.join(outcome)
                self.window.leave(outcome.job_id)
                if not written:
                    await self.finish(ticket)
                    return
            elif step == "p" and retry_at is None:
                await self.publish(outcome.event)
            elif step == "p" and retry_at is not None:
                await self._report_and_park(ticket, recorded, retry_at, now)
            elif step == "P" and retry_at is not None:
                await self._park(ticket, recorded, retry_at, now)
            elif step == "f":
                await self.finish(ticket)

    return conclude


_send = Delivery._send


async def _recorded_before_dot(self: Delivery, job: Any, state: State, *args: Any) -> Attempt:
    """As sent, as soon as the intent is committed."""
    intend = self.outside.intend

    async def intend_and_record(attempt: tuple[str, int]) -> bool:
        if not await intend(attempt):
            return False
        tried = replace(state, attempt=attempt[1])
        event = self.settlement._writer.sent(tried, self.clock(), None)
        await self.settlement._record.join(
            Outcome(job_id=job.job_id, seq=event.seq, attempt=attempt[1], event=encode(event), final="sent")
        )
        await self.settlement.publish(encode(event))
        return True

    return await _send(
        dataclasses.replace(self, outside=dataclasses.replace(self.outside, intend=intend_and_record)),
        job,
        state,
        *args,
    )


def _intends_nothing(log: DeliveryLog) -> Callable[[tuple[str, int]], Awaitable[bool]]:
    async def intend(attempt: tuple[str, int]) -> bool:
        return True

    return intend


_intents = worker.process.intents


def _unfenced(log: DeliveryLog) -> Callable[[tuple[str, int]], Awaitable[bool]]:
    committed = _intents(log)

    async def intend(attempt: tuple[str, int]) -> bool:
        await committed(attempt)
        return True

    return intend


_seize = feedback.log.row.seize


def _no_doubt(row: Any) -> Any:
    """What a dead worker left in doubt is simply taken over."""
    claim = _seize(row)
    return Taken(replace(claim.state, doubtful=row.doubtful)) if isinstance(claim, InDoubt) else claim


async def _late_drive(self: Delivery, *args: Any, **facts: Any) -> Any:
    """As the real one, but for the look at the clock once the permit is there."""
    state = next(arg for arg in args if isinstance(arg, State))
    timeless = dataclasses.replace(self, clock=_Once(self.clock, state.expires_at))
    return await _drive(timeless, *args, **facts)


_drive = Delivery._drive


class _Once:
    """A clock that shows the truth when first asked, and then never that the job is over."""

    def __init__(self, clock: Callable[[], float], expires_at: float) -> None:
        self._clock, self._expires_at, self._asked = clock, expires_at, False

    def __call__(self) -> float:
        if not self._asked:
            self._asked = True
            return self._clock()
        return min(self._clock(), self._expires_at - 0.001)


_repeat = Settlement.repeat


async def _renumbered(self: Settlement, ticket: Ticket, claim: Waiting | Settled, now: float) -> None:
    state = claim.state
    if state.last_event is not None:
        again = state.last_event.replace(b'"event_id":"', b'"event_id":"again-', 1)
        claim = replace(claim, state=replace(state, last_event=again))
    await _repeat(self, ticket, claim, now)


async def _finished_in_any_case(self: Settlement, ticket: Ticket, state: State, at: float, now: float) -> None:
    """Parked once, whether that worked or not."""
    if at >= state.expires_at:
        return
    queue: JobQueue = self._queue
    try:
        await queue.park(ticket, delay=max(0.0, at - now), generation=state.seq, transactional=ticket.transactional)
    except QueueAway:
        return


_decide = feedback.log.row.decide


def _dropped(*args: Any, **facts: Any) -> Any:
    claim = _decide(*args, **facts)
    return replace(claim, parked=True) if isinstance(claim, Waiting) else claim


def _never_left(self: Window, job_id: str) -> None:
    """Only half."""
    self._inside.pop(job_id, None)


async def _unheard(self: Sweep) -> None:
    """What dead workers settled and did not report stays so."""
    await self._expire()


def _anybody_records(self: store.Store, outcomes: Sequence[Outcome], me: str) -> set[str]:
    for outcome in outcomes:
        self._write(self.jobs[outcome.job_id], outcome, me)
    return {outcome.job_id for outcome in outcomes}


_without_attempt = Delivery._without_attempt


def _impatient(self: Delivery, job: Any, state: State, doubted: bool) -> Any:
    return _without_attempt(self, replace(job, not_before=None), state, doubted)


def _at_most_everything(self: Window, job_id: str, lane: Any, limit: int) -> Awaitable[None]:
    return _enter(self, job_id, lane, 1000)


_enter = Window.enter


async def _once_only(self: Settlement, events: Sequence[bytes]) -> Sequence[None]:
    with suppress(QueueAway):
        await self._queue.publish_events(join(list(events)))
    return [None] * len(events)


BUGS: dict[str, Bug] = {
    bug.words: bug
    for bug in (
        Bug("ticket finished before the outcome is recorded", [(Settlement, "_conclude", _conclude("frp"))]),
        Bug("recorded before the final dot is answered", [(Delivery, "_send", _recorded_before_dot)]),
        Bug("published after the ticket is finished", [(Settlement, "_conclude", _conclude("rfp"))]),
        Bug("published before it is recorded", [(Settlement, "_conclude", _conclude("prf"))]),
        Bug("parked before it is recorded", [(Settlement, "_conclude", _conclude("Prpf"))]),
        Bug("no intent before the final dot", [(worker.process, "intents", _intends_nothing)]),
        Bug("a lost claim does not stop the final dot", [(worker.process, "intents", _unfenced)]),
        Bug("doubt forgotten when a dead worker's job is taken over", [(feedback.log.row, "seize", _no_doubt)]),
        Bug("no look at the clock after the permit", [(Delivery, "_drive", _late_drive)]),
        Bug("another event_id on a repeat", [(Settlement, "repeat", _renumbered)]),
        Bug("finished though the parking failed", [(Settlement, "_park", _finished_in_any_case)]),
        Bug("an event that was not confirmed counts as published", [(Settlement, "_publish", _once_only)]),
        Bug("an old ticket dropped before the next is known to exist", [(feedback.log.row, "decide", _dropped)]),
        Bug("the doubt window never left", [(Window, "leave", _never_left)]),
        Bug("the doubt window without an end", [(Window, "enter", _at_most_everything)]),
        Bug("events of dead workers' sweeps left unpublished", [(Sweep, "once", _unheard)]),
        Bug("an outcome recorded by who lost the claim", [(store.Store, "record", _anybody_records)]),
        Bug("contact date overlooked", [(Delivery, "_without_attempt", _impatient)]),
    )
}
