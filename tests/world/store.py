"""The delivery log's store as a model: the statements of the PostgreSQL adapter, each taking effect at one instant.

What a ticket finds is decided by the same pure code as in the adapters; the conformance suite of the log is run against
`StoreLog` too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

from msgspec.structs import replace

from feedback.log import Candidate, Claim, Face, LogAway, Outcome, State, Tally
from feedback.log.hand import Hand
from feedback.log.row import Found, Row, answer, seize, validity, write_face

T = TypeVar("T")

Call = Callable[[str, Callable[[], T]], Awaitable[T]]
"""Brings a statement to the store and its answer back; whatever happens on the way happens there."""


@dataclass(slots=True)
class Kept:
    """A job's row, and what the rest of the house does not see of it."""

    row: Row
    delivery_id: str
    test: bool
    swept: bool = False
    settled_at: float | None = None
    publisher: str | None = None
    attempts: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Session:
    lease: float
    expires_at: float
    steady_since: float


@dataclass(slots=True)
class Store:
    """The tables. `told` hears of every change: what happened, to which job, and what there is to say of it."""

    clock: Callable[[], float]
    told: Callable[[str, str, Any], None] = lambda what, job_id, about: None
    jobs: dict[str, Kept] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)

    def beat(self, me: str, lease: float) -> None:
        now = self.clock()
        known = self.sessions.get(me)
        steady = now if known is None or known.expires_at < now else known.steady_since
        self.sessions[me] = Session(lease, now + lease, steady)

    def sign_off(self, me: str) -> None:
        self.sessions.pop(me, None)

    def alive(self, me: str) -> list[str]:
        now = self.clock()
        since = self.sessions[me].steady_since if me in self.sessions else inf
        return [
            name
            for name, session in self.sessions.items()
            if session.expires_at > now or now < session.lease + since
        ]  # fmt: skip

    def create(self, faces: Sequence[Face], me: str, now: float) -> dict[str, Face]:
        created = {}
        for face in faces:
            if face.job_id not in self.jobs:
                self.jobs[face.job_id] = Kept(_new(face, me, now), face.delivery_id, face.test)
                self.told("created", face.job_id, me)
                created[face.job_id] = face
        return created

    def take(self, job_ids: Iterable[str], me: str, swept: bool) -> None:
        for job_id in job_ids:
            kept = self.jobs[job_id]
            row = kept.row
            if row.intent:
                self.told("doubted", job_id, row.owner)
            kept.row = replace(
                row,
                owner=me,
                undecided=row.undecided or row.intent,
                doubtful=row.doubtful or row.intent,
                intent=False,
            )
            kept.swept = swept
            self.told("taken", job_id, me)

    def intend(self, attempts: Sequence[tuple[str, int]], me: str) -> set[str]:
        mine = {}
        for job_id, attempt in attempts:
            kept = self.jobs.get(job_id)
            if kept is not None and kept.row.owner == me:
                row = kept.row
                kept.row = replace(
                    row, intent=True, undecided=False, attempt=attempt, resent=row.resent or row.doubtful
                )
                self.told("intended", job_id, me)
                mine[job_id] = attempt
        return set(mine)

    def release(self, jobs: Sequence[tuple[str, int, bytes | None]], me: str) -> None:
        for job_id, attempt, holds in jobs:
            kept = self.jobs.get(job_id)
            if kept is not None and kept.row.owner == me:
                told = kept.row.holds if holds is None else holds
                kept.row = replace(kept.row, owner=None, intent=False, announced=True, attempt=attempt, holds=told)
                self.told("released", job_id, me)

    def forsake(self, job_ids: Sequence[str], me: str) -> None:
        for job_id in job_ids:
            kept = self.jobs.get(job_id)
            if kept is not None and kept.row.owner == me:
                kept.row = replace(kept.row, owner=None)
                self.told("forsaken", job_id, me)

    def record(self, outcomes: Sequence[Outcome], me: str) -> set[str]:
        written = set()
        for outcome in outcomes:
            kept = self.jobs.get(outcome.job_id)
            if kept is None:
                continue
            if kept.row.owner == me:
                self._write(kept, outcome, me)
            elif (kept.row.seq, kept.row.event) != (outcome.seq, outcome.event):
                continue
            written.add(outcome.job_id)
        return written

    def _write(self, kept: Kept, outcome: Outcome, me: str) -> None:
        row = kept.row
        kept.row = replace(
            row,
            seq=outcome.seq,
            attempt=outcome.attempt,
            event=outcome.event,
            final=outcome.final,
            retry_at=outcome.retry_at,
            doubtful=row.doubtful or outcome.doubtful,
            owner=None,
            intent=False,
            undecided=False,
            parked=False,
        )
        if outcome.story is not None:
            kept.attempts.setdefault(outcome.attempt, outcome.story)
        kept.settled_at = None if outcome.final is None else self.clock()
        kept.publisher = me if outcome.final is not None and kept.swept else None
        self.told("recorded", outcome.job_id, outcome)

    def note_parked(self, tickets: Sequence[tuple[str, int]]) -> None:
        for job_id, seq in tickets:
            kept = self.jobs.get(job_id)
            if kept is not None and kept.row.seq == seq and kept.row.final is None:
                kept.row = replace(kept.row, parked=True)

    def free(self, hand: Collection[str], me: str) -> list[Kept]:
        """Unsettled, and in nobody's hands."""
        alive = set(self.alive(me))
        return [
            kept
            for job_id, kept in self.jobs.items()
            if kept.row.final is None
            and job_id not in hand
            and (kept.row.owner is None or kept.row.owner == me or kept.row.owner not in alive)
        ]

    def unpublished(self, me: str, limit: int) -> list[bytes]:
        alive = set(self.alive(me))
        left = [kept for kept in self.jobs.values() if kept.publisher is not None and kept.publisher not in alive]
        left.sort(key=lambda kept: kept.settled_at or 0.0)
        return [kept.row.event for kept in left[:limit] if kept.row.event is not None]

    def published(self, job_ids: Sequence[str]) -> None:
        for job_id in job_ids:
            if kept := self.jobs.get(job_id):
                kept.publisher = None

    def forget(self, before: float, limit: int) -> int:
        gone = [
            job_id
            for job_id, kept in self.jobs.items()
            if kept.settled_at is not None and kept.settled_at < before and kept.publisher is None
        ][:limit]
        for job_id in gone:
            del self.jobs[job_id]
        return len(gone)

    def tally(self, delivery_id: str | None) -> list[Tally]:
        counted = [kept for kept in self.jobs.values() if not kept.test]
        names = sorted({kept.delivery_id for kept in counted if delivery_id in (None, kept.delivery_id)})
        return [_tally(name, [kept.row.final for kept in counted if kept.delivery_id == name]) for name in names]

    def finals(self, delivery_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
        found = sorted(
            (job_id, kept.row.final)
            for job_id, kept in self.jobs.items()
            if kept.delivery_id == delivery_id and job_id > after
        )
        return found[:limit]


def _new(face: Face, me: str, now: float) -> Row:
    return Row(
        job_id=face.job_id,
        face=write_face(face),
        accepted_at=now,
        expires_at=validity(face, now),
        attempt=0,
        seq=0,
        doubtful=False,
        resent=False,
        undecided=False,
        announced=False,
        intent=False,
        parked=False,
        retry_at=None,
        final=None,
        owner=me,
        event=None,
    )


def _tally(name: str, finals: list[str | None]) -> Tally:
    sent, failed, cancelled = (finals.count(final) for final in ("sent", "failed", "cancelled"))
    return Tally(name, len(finals), sent, failed, cancelled, finals.count(None))


async def _at_once(_: str, statement: Callable[[], T]) -> T:
    return statement()


class StoreLog:
    """`DeliveryLog` of one worker process on the model. With `lease` 0 it never beats."""

    def __init__(self, store: Store, me: str, *, lease: float = 10.0, call: Any = _at_once) -> None:
        self._store = store
        self._me = me
        self._lease = lease
        self._call = call
        self._beating: asyncio.Task[None] | None = None
        self._hand = Hand()

    async def open(self) -> None:
        await self._beat()
        if self._beating is None and self._lease > 0:
            self._beating = asyncio.create_task(self._beat_on())

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
            self._beating = None
        with suppress(LogAway):
            await self._call("sign_off", lambda: self._store.sign_off(self._me))
        self._hand = Hand()

    async def claim(self, candidates: Sequence[Candidate], now: float) -> list[Claim]:
        faces = {candidate.face.job_id: candidate.face for candidate in reversed(candidates)}
        if not faces:
            return []
        with self._hand.asking(faces):
            create = lambda: self._store.create(list(faces.values()), self._me, now)  # noqa: E731
            created: dict[str, Face] = await self._call("claim", create)
            if len(created) == len(faces):
                claims, taken = answer(candidates, Found(created, {}, set()), now, self._lease)
            else:
                claims, taken = await self._call("contend", lambda: self._contend(candidates, created, now))
            self._hand.keep(taken)
        return claims

    def _contend(
        self, candidates: Sequence[Candidate], created: dict[str, Face], now: float
    ) -> tuple[list[Claim], set[str]]:
        wanted = sorted({candidate.face.job_id for candidate in candidates} - created.keys())
        rows = {job_id: self._store.jobs[job_id].row for job_id in wanted if job_id in self._store.jobs}
        claims, taken = answer(candidates, Found(created, rows, self._in_hand(rows.values())), now, self._lease)
        self._store.take(sorted(taken - created.keys()), self._me, swept=False)
        return claims, taken

    def _in_hand(self, rows: Iterable[Row]) -> set[str]:
        alive, hand = set(self._store.alive(self._me)), self._hand
        return {
            row.job_id
            for row in rows
            if hand.holds(row.job_id) or (hand.contests(row.job_id) if row.owner == self._me else row.owner in alive)
        }

    async def intend(self, attempts: Sequence[tuple[str, int]]) -> set[str]:
        ours: set[str] = await self._call("intend", lambda: self._store.intend(attempts, self._me))
        self._hand.drop({job_id for job_id, _ in attempts} - ours)
        return ours

    async def release(self, jobs: Sequence[tuple[str, int, bytes | None]]) -> None:
        await self._call("release", lambda: self._store.release(jobs, self._me))
        self._hand.drop(job_id for job_id, _, _ in jobs)  # not before, or another ticket's claim goes with it

    async def forsake(self, job_ids: Sequence[str]) -> None:
        await self._call("forsake", lambda: self._store.forsake(job_ids, self._me))
        self._hand.drop(job_ids)

    async def record(self, outcomes: Sequence[Outcome]) -> set[str]:
        written: set[str] = await self._call("record", lambda: self._store.record(outcomes, self._me))
        self._hand.drop(outcome.job_id for outcome in outcomes)
        return written

    async def parked(self, tickets: Sequence[tuple[str, int]]) -> None:
        await self._call("parked", lambda: self._store.note_parked(tickets))

    async def due(self, now: float, limit: int) -> list[State]:
        def expired(kept: Kept) -> bool:
            return kept.row.expires_at <= now

        return await self._sweep("due", expired, limit)

    async def unsettled(self, delivery_ids: Sequence[str], limit: int) -> list[State]:
        return await self._sweep("unsettled", lambda kept: kept.delivery_id in delivery_ids, limit)

    async def _sweep(self, name: str, wanted: Callable[[Kept], bool], limit: int) -> list[State]:
        held = self._hand.full()
        with ExitStack() as asked:

            def statement() -> dict[str, Row]:
                found = [kept.row for kept in self._store.free(held, self._me) if wanted(kept)]
                found.sort(key=lambda row: row.expires_at)
                asked.enter_context(self._hand.asking(row.job_id for row in found[:limit]))
                in_hand = self._in_hand(found[:limit])
                rows = {row.job_id: row for row in found[:limit] if row.job_id not in in_hand}
                self._store.take(sorted(rows), self._me, swept=True)
                return rows

            rows: dict[str, Row] = await self._call(name, statement)
            self._hand.keep(rows)
        return [seize(row).state for row in rows.values()]

    async def unpublished(self, limit: int) -> list[bytes]:
        events: list[bytes] = await self._call("unpublished", lambda: self._store.unpublished(self._me, limit))
        return events

    async def published(self, job_ids: Sequence[str]) -> None:
        await self._call("published", lambda: self._store.published(job_ids))

    async def forget(self, before: float, limit: int) -> int:
        gone: int = await self._call("forget", lambda: self._store.forget(before, limit))
        return gone

    async def tally(self, delivery_id: str | None) -> list[Tally]:
        return self._store.tally(delivery_id)

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
        return self._store.finals(delivery_id, after, limit)

    async def _beat(self) -> None:
        await self._call("beat", lambda: self._store.beat(self._me, self._lease))

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(LogAway):
                await self._beat()
