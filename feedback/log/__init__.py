"""The delivery log: the truth about every accepted job; a queued copy is only a ticket.

`DeliveryLog` is the seam; `postgres` and `sqlite` are its adapters, held to one conformance suite. Claims, intents and
outcomes are statements on the log, each for many jobs at once.

How a job moves: absent -> claimed (by the first `claim`) -> intended (the final dot is about to leave) -> recorded: settled
for good, or waiting for its retry, unclaimed. `release` puts a claimed job back without an attempt being counted. A worker
owns what it claimed for as long as it beats: a claim whose owner has stopped beating is taken over by the next `claim`, and
if it had an intent and no outcome it is *in doubt*.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, Self

from msgspec import Struct

from feedback.event import Event, Scalar, encode
from feedback.store import StoreAway

OnDoubt = Literal["retry", "fail", "assume_sent"]
"""A job's wish for when nobody can know whether the receiver took its message."""


class Face(Struct, frozen=True, kw_only=True):
    """What the log knows of a job without its message: enough to report on it when no ticket is at hand."""

    job_id: str
    delivery_id: str
    wave: int
    tenant: str
    rcpt_to: str
    context: dict[str, Scalar]
    test: bool
    expires_at: float | None  # as the job says, POSIX; the log cuts it to `MAX_VALIDITY` after acceptance
    traceparent: str | None = None  # the trace context it came with (W3C)
    digest: str = ""  # of all the job says, its message included: tells one publication of an id from another
    on_doubt: OnDoubt = "retry"


MAX_VALIDITY = 84 * 3600.0
"""Seconds a job may live after its acceptance, whatever it says (3.5 days)."""


class Candidate(Struct, frozen=True):
    """A job whose ticket came up. `generation` is the ticket's: the `seq` of the event that parked it, 0 at first."""

    face: Face
    generation: int


class State(Struct, frozen=True, kw_only=True):
    """Where a job stands. Times are POSIX seconds.

    `doubtful`: from some moment on the receiver may have taken a message without our knowing; it stays true.
    `resent`: its one doubtful repeat has been spent. `last_event` is the newest event as JSON, None before the first outcome.
    `told`: that event, or `accepted` before it, is known to be out. `holds`: see `feedback.log.story`.
    """

    face: Face
    accepted_at: float
    expires_at: float
    attempt: int  # attempts begun
    seq: int  # of the newest event; 0 = `accepted`
    doubtful: bool
    resent: bool
    last_event: bytes | None
    told: bool = False
    holds: bytes | None = None


class Fresh(Struct, frozen=True):
    """Ours, and the `accepted` event is due: never seen before, or left by a worker that died before it did anything."""

    state: State


class Taken(Struct, frozen=True):
    """Ours again: a retry, a hand-back, or what a dead worker left of either before the dot."""

    state: State


class InDoubt(Struct, frozen=True):
    """Ours, but a dead worker had begun attempt `state.attempt` and meant to send the dot: nobody knows if it did.

    `state.doubtful` is already true. Should this owner die undecided too, the next one is told the same, until `intend`
    or `record` shows a decision. With `state.seq` 0 nobody knows whether `accepted` was published: repeat it.
    """

    state: State


class Waiting(Struct, frozen=True):
    """Not ours yet: its retry is due at `retry_at`, with ticket `state.seq`. `parked`: that ticket is known to exist,
    so an older one may be dropped; otherwise whoever holds this ticket repeats event and parking."""

    state: State
    retry_at: float
    parked: bool


class Settled(Struct, frozen=True):
    """Final: `state.last_event` says how. The ticket may be dropped once that event has been published again."""

    state: State


class Elsewhere(Struct, frozen=True):
    """In the hands of a worker that still beats (perhaps this one): look again after `lease` seconds."""

    lease: float


class Another(Struct, frozen=True):
    """Another publication under this id, with other contents: the first one holds, and has a ticket of its own somewhere,
    since no ticket is finished before its job is settled or its next ticket is queued. This one may be dropped."""


Claim = Fresh | Taken | InDoubt | Waiting | Settled | Elsewhere | Another


class Outcome(Struct, frozen=True, kw_only=True):
    """What `record` writes for one job: its newest event and where that leaves it.

    `final` is None for a job that lives on, then `retry_at` says when it is due; else `sent`, `failed` or `cancelled`.
    `story` is what is kept of the attempt for people, if anything (see `feedback.log.story`).
    """

    job_id: str
    seq: int
    attempt: int
    event: bytes
    final: str | None = None
    retry_at: float | None = None
    doubtful: bool = False  # once true in the log it stays true
    story: bytes | None = None

    @classmethod
    def of(cls, state: State, event: Event, *, retry_at: float | None = None, story: bytes | None = None) -> Self:
        """What `event` makes of a job that stands like `state`, the attempt just made counted."""
        return cls(
            job_id=state.face.job_id,
            seq=event.seq,
            attempt=state.attempt,
            event=encode(event),
            final=event.event if event.final else None,
            retry_at=retry_at,
            doubtful=state.doubtful,
            story=story,
        )


class Tally(Struct, frozen=True):
    """One delivery's sums, as the log has them; SMTP tests are not counted."""

    delivery_id: str
    accepted: int
    sent: int
    failed: int
    cancelled: int
    in_flight: int


class DeliveryLog(Protocol):
    """One worker process's view of the log. Every method may raise `LogAway`; then nothing is known to have happened."""

    async def open(self) -> None:
        """Bring the schema up to date, sign this worker on, start beating."""

    async def close(self) -> None:
        """Sign off; what is still claimed is free for others at once."""

    async def claim(self, candidates: Sequence[Candidate], now: float) -> list[Claim]:
        """Claim a batch, in one transaction; answers in the order of `candidates`. A job_id twice in the batch is
        claimed once, the other answer is `Elsewhere`."""

    async def intend(self, attempts: Sequence[tuple[str, int]]) -> set[str]:
        """Commit that the final dot of each `(job_id, attempt)` is about to leave; answers the job_ids still ours.
        For any other job the dot must not be sent. A job already doubtful becomes `resent`."""

    async def release(self, jobs: Sequence[tuple[str, int, bytes | None]]) -> None:
        """Hand claimed jobs back, each with the attempts begun so far and its holds, None for those it has; no outcome, no
        event."""

    async def forsake(self, job_ids: Sequence[str]) -> None:
        """Let go of claimed jobs as they stand, as if their worker had died: the next claim, by this worker too, finds one
        with an intent in doubt."""

    async def record(self, outcomes: Sequence[Outcome]) -> set[str]:
        """Write outcome and event of a batch, in one transaction; answers the job_ids written. The others are no longer
        ours: somebody else decides them. A recorded job is unclaimed and without intent."""

    async def parked(self, tickets: Sequence[tuple[str, int]]) -> None:
        """Note that the retry tickets `(job_id, seq)` are safely queued."""

    async def due(self, now: float, limit: int) -> list[State]:
        """Claim up to `limit` unclaimed jobs that are past their expiry, whichever ticket they may have; a job that a
        dead worker left with an intent comes `doubtful`."""

    async def unsettled(self, delivery_ids: Sequence[str], limit: int) -> list[State]:
        """Claim up to `limit` unsettled, unclaimed jobs of these deliveries, whichever tickets they may have; as `due` in all
        else."""

    async def unpublished(self, limit: int) -> list[bytes]:
        """Events of jobs settled without a ticket (by `due` or `unsettled`) that `published` has not confirmed yet, from dead
        workers included; never one that a live worker is about to publish."""

    async def published(self, job_ids: Sequence[str]) -> None:
        """Note that the final events of these jobs, settled without a ticket, are out."""

    async def forget(self, before: float, limit: int) -> int:
        """Drop up to `limit` jobs settled before that time, and their attempts; answers how many went."""

    async def tally(self, delivery_id: str | None) -> list[Tally]:
        """The sums of one delivery, or of all."""

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
        """`(job_id, final or None)` of a delivery's jobs with job_id > `after`, in order: one page for `reconcile`."""


LogAway = StoreAway
"""The store cannot be reached, or broke off: nothing is known to have happened. Repeating the call is safe."""
