"""The delivery log on PostgreSQL, for many worker processes on many machines."""

import asyncio
import uuid
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import asyncpg

from feedback.log import Candidate, Claim, Face, LogAway, Outcome, State, Tally
from feedback.log import statements as sql
from feedback.log.hand import Hand
from feedback.log.row import Found, Row, answer, seize, validity, write_face
from feedback.store.postgres import Postgres
from feedback.store.text import storable

MIGRATIONS = Path(__file__).parent / "migrations" / "postgres"
LONG = 600.0
"""Seconds a sum over a large delivery may take."""


class PostgresLog:
    """`DeliveryLog` on PostgreSQL. Each instance is a worker process of its own to the others.

    Args:
        store: shared with the process's other adapters.
        worker: the process's name, for whoever looks at `mta.worker`.
        lease: seconds after its last beat, by the database's clock, from which others may take its claims over. With 0
            it never beats.
    """

    def __init__(self, store: Postgres, *, worker: str, lease: float = 10.0) -> None:
        self._store = store
        self._id = str(uuid.uuid4())
        self._worker = worker
        self._lease = lease
        self._beating: asyncio.Task[None] | None = None
        self._hand = Hand()

    async def open(self) -> None:
        await self._store.open(self, {"mta": MIGRATIONS})
        async with self._store.connection() as connection:
            await connection.execute(sql.BURY)
        await self._beat()
        if self._beating is None and self._lease > 0:
            self._beating = asyncio.create_task(self._beat_on())

    async def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            with suppress(asyncio.CancelledError):
                await self._beating
            self._beating = None
        with suppress(LogAway):  # then the lease runs out
            async with self._store.connection() as connection:
                await connection.execute(sql.SIGN_OFF, self._id)
        await self._store.close(self)
        self._hand = Hand()

    async def claim(self, candidates: Sequence[Candidate], now: float) -> list[Claim]:
        faces = {candidate.face.job_id: candidate.face for candidate in reversed(candidates)}
        if not faces:
            return []
        with self._hand.asking(faces):
            created = await self._create(list(faces.values()), now)
            if len(created) == len(faces):
                claims, taken = answer(candidates, Found(created, {}, set()), now, self._lease)
            else:
                claims, taken = await self._contend(candidates, created, now)
            self._hand.keep(taken)
        return claims

    async def intend(self, attempts: Sequence[tuple[str, int]]) -> set[str]:
        async with self._store.connection() as connection:
            rows = await connection.fetch(sql.INTEND, *_columns(attempts), self._id)
        ours = {row[0] for row in rows}
        self._hand.drop({job_id for job_id, _ in attempts} - ours)
        return ours

    async def release(self, jobs: Sequence[tuple[str, int, bytes | None]]) -> None:
        async with self._store.connection() as connection:
            await connection.execute(sql.RELEASE, *_columns(jobs, 3), self._id)
        # Not before, or another ticket's claim would be released with it.
        self._hand.drop(job_id for job_id, _, _ in jobs)

    async def forsake(self, job_ids: Sequence[str]) -> None:
        async with self._store.connection() as connection:
            await connection.execute(sql.FORSAKE, list(job_ids), self._id)
        self._hand.drop(job_ids)

    async def record(self, outcomes: Sequence[Outcome]) -> set[str]:
        columns = _columns(
            [(o.job_id, o.seq, o.attempt, o.event, o.final, o.retry_at, o.doubtful, o.story) for o in outcomes], 8
        )
        async with self._store.connection() as connection:
            rows = await connection.fetch(sql.RECORD, *columns, self._id)
        self._hand.drop(outcome.job_id for outcome in outcomes)
        return {row[0] for row in rows}

    async def parked(self, tickets: Sequence[tuple[str, int]]) -> None:
        async with self._store.connection() as connection:
            await connection.execute(sql.PARKED, *_columns(tickets))

    async def due(self, now: float, limit: int) -> list[State]:
        return await self._sweep(sql.LOCK_DUE, now, limit)

    async def unsettled(self, delivery_ids: Sequence[str], limit: int) -> list[State]:
        return await self._sweep(sql.LOCK_UNSETTLED, list(map(storable, delivery_ids)), limit)

    async def _sweep(self, lock: str, which: object, limit: int) -> list[State]:
        """Take jobs that a statement finds in nobody's hands."""
        with ExitStack() as asked:
            async with self._store.transaction() as connection:
                alive = await self._alive(connection)
                rows = _rows(await connection.fetch(lock, which, alive, self._hand.full(), self._id, limit))
                asked.enter_context(self._hand.asking(rows.keys()))
                taken = rows.keys() - await self._in_hand(connection, rows.values())
                await connection.execute(sql.TAKE, sorted(taken), self._id, True)
            self._hand.keep(taken)
        return [seize(row).state for job_id, row in rows.items() if job_id in taken]

    async def unpublished(self, limit: int) -> list[bytes]:
        async with self._store.connection() as connection:
            return [row[0] for row in await connection.fetch(sql.UNPUBLISHED, self._id, limit)]

    async def published(self, job_ids: Sequence[str]) -> None:
        async with self._store.connection() as connection:
            await connection.execute(sql.PUBLISHED, list(job_ids))

    async def forget(self, before: float, limit: int) -> int:
        async with self._store.connection() as connection:
            return int((await connection.execute(sql.FORGET, before, limit)).split()[-1])

    async def tally(self, delivery_id: str | None) -> list[Tally]:
        wanted = None if delivery_id is None else storable(delivery_id)
        async with self._store.transaction() as connection:
            # A large share of the table is read faster in its own order.
            await connection.execute(f"SET LOCAL statement_timeout = {LONG * 1000:.0f}; SET LOCAL enable_seqscan = on")
            rows = await connection.fetch(sql.TALLY, wanted, timeout=LONG)
        return [Tally(*row) for row in rows]

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
        async with self._store.connection() as connection:
            rows = await connection.fetch(sql.FINALS, storable(delivery_id), after, limit)
        return [(row[0], row[1]) for row in rows]

    async def _create(self, faces: list[Face], now: float) -> dict[str, Face]:
        """Enter the jobs that are not there yet, as ours."""
        columns = _columns(
            [(f.job_id, storable(f.delivery_id), f.test, write_face(f), validity(f, now)) for f in faces], 5
        )
        async with self._store.connection() as connection:
            created = {row[0] for row in await connection.fetch(sql.CREATE, *columns, now, self._id)}
        return {face.job_id: face for face in faces if face.job_id in created}

    async def _contend(
        self, candidates: Sequence[Candidate], created: dict[str, Face], now: float
    ) -> tuple[list[Claim], set[str]]:
        """Answer a batch some of whose jobs are there already, and take those that may be taken."""
        wanted = sorted({candidate.face.job_id for candidate in candidates} - created.keys())
        async with self._store.transaction() as connection:
            rows = _rows(await connection.fetch(sql.LOCK, wanted))
            held = await self._in_hand(connection, rows.values())
            claims, taken = answer(candidates, Found(created, rows, held), now, self._lease)
            if others := sorted(taken - created.keys()):
                await connection.execute(sql.TAKE, others, self._id, False)
        return claims, taken

    async def _in_hand(self, connection: asyncpg.Connection, rows: Collection[Row]) -> set[str]:
        """Which of these locked rows a living worker holds. Asked after the lock, for who owned it may have changed."""
        others = {row.owner for row in rows} - {None, self._id}
        alive = set(await self._alive(connection)) if others else set()
        hand = self._hand
        return {
            row.job_id
            for row in rows
            if hand.holds(row.job_id) or (hand.contests(row.job_id) if row.owner == self._id else row.owner in alive)
        }

    async def _alive(self, connection: asyncpg.Connection) -> list[str]:
        return [row[0] for row in await connection.fetch(sql.ALIVE, self._id)]

    async def _beat(self) -> None:
        async with self._store.connection() as connection:
            await connection.execute(sql.BEAT, self._id, self._worker, timedelta(seconds=self._lease))

    async def _beat_on(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(LogAway):
                await self._beat()


def _columns(rows: Sequence[tuple[object, ...]], width: int = 2) -> list[list[object]]:
    """Rows as one array for each column, as `unnest` wants them."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]


def _rows(records: Iterable[asyncpg.Record]) -> dict[str, Row]:
    return {row.job_id: row for row in (Row(*record) for record in records)}
