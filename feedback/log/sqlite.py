"""The embedded delivery log: one SQLite file and one worker process, with readers beside it."""

import fcntl
import json
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

import aiosqlite

from feedback.log import Candidate, Claim, Face, LogAway, Outcome, State, Tally
from feedback.log.hand import Hand
from feedback.log.row import COLUMNS, Found, Row, answer, seize, validity, write_face
from feedback.store.sqlite import Sqlite
from feedback.store.text import storable

MIGRATIONS = Path(__file__).parent / "migrations" / "sqlite"

_ROW = ", ".join(COLUMNS)
_JOBS = "SELECT value FROM json_each(?)"
_PAIRS = "(SELECT json_extract(value, '$[0]') AS id, json_extract(value, '$[1]') AS number FROM json_each(?)) AS pair"

_LOCK = f"SELECT {_ROW} FROM log_job WHERE job_id IN ({_JOBS})"

_DUE = f"""
SELECT {_ROW} FROM log_job
WHERE final IS NULL AND expires_at <= ? AND job_id NOT IN ({_JOBS})
ORDER BY expires_at LIMIT ?
"""

_UNSETTLED = f"""
SELECT {_ROW} FROM log_job
WHERE final IS NULL AND delivery_id IN ({_JOBS}) AND job_id NOT IN ({_JOBS})
LIMIT ?
"""

_CREATE = """
INSERT INTO log_job (job_id, delivery_id, test, face, accepted_at, expires_at, owner) VALUES (?, ?, ?, ?, ?, ?, ?)
"""

_TAKE = f"""
UPDATE log_job
SET owner = ?, swept = ?, undecided = undecided OR intent, doubtful = doubtful OR intent, intent = 0
WHERE job_id IN ({_JOBS})
"""

_INTEND = f"""
UPDATE log_job SET intent = 1, undecided = 0, attempt = pair.number, resent = resent OR doubtful
FROM {_PAIRS} WHERE job_id = pair.id AND owner = ?
RETURNING job_id
"""

_RELEASE = """
UPDATE log_job SET owner = NULL, intent = 0, announced = 1, attempt = ?, holds = coalesce(?, holds)
WHERE job_id = ? AND owner = ?
"""

_FORSAKE = f"UPDATE log_job SET owner = NULL WHERE job_id IN ({_JOBS}) AND owner = ?"

_STANDING = f"SELECT job_id, owner = ?, seq, event FROM log_job WHERE job_id IN ({_JOBS})"

_RECORD = """
UPDATE log_job SET
    seq = :seq, attempt = :attempt, event = :event, final = :final, retry_at = :retry_at,
    doubtful = doubtful OR :doubtful, owner = NULL, intent = 0, undecided = 0, parked = 0,
    settled_at = iif(:final IS NULL, NULL, :now), publisher = iif(:final IS NOT NULL AND swept, :me, NULL)
WHERE job_id = :job_id
"""

_PARKED = f"UPDATE log_job SET parked = 1 FROM {_PAIRS} WHERE job_id = pair.id AND seq = pair.number AND final IS NULL"

_UNPUBLISHED = """
SELECT event FROM log_job WHERE publisher IS NOT NULL AND publisher <> ? ORDER BY settled_at LIMIT ?
"""

_PUBLISHED = f"UPDATE log_job SET publisher = NULL WHERE job_id IN ({_JOBS}) AND publisher IS NOT NULL"

_TOLD = "INSERT OR IGNORE INTO log_attempt (job_id, attempt, story) VALUES (:job_id, :attempt, :story)"

ATTEMPTS = "SELECT story FROM log_attempt WHERE job_id = ? ORDER BY attempt"

_FORGET = """
DELETE FROM log_job WHERE job_id IN (
    SELECT job_id FROM log_job WHERE final IS NOT NULL AND settled_at < ? AND publisher IS NULL LIMIT ?)
RETURNING job_id
"""

_UNTOLD = f"DELETE FROM log_attempt WHERE job_id IN ({_JOBS})"

_TALLY = """
SELECT delivery_id, count(*), count(*) FILTER (WHERE final = 'sent'), count(*) FILTER (WHERE final = 'failed'),
    count(*) FILTER (WHERE final = 'cancelled'), count(*) FILTER (WHERE final IS NULL)
FROM log_job WHERE NOT test AND (?1 IS NULL OR delivery_id = ?1)
GROUP BY delivery_id ORDER BY delivery_id
"""

_FINALS = "SELECT job_id, final FROM log_job WHERE delivery_id = ? AND job_id > ? ORDER BY job_id LIMIT ?"


class SqliteLog:
    """`DeliveryLog` on a SQLite file.

    Whoever claims first is the file's one worker, until it closes or its process ends; every claim by an earlier one is
    a dead worker's. Other processes may open the file to read.

    Args:
        path: the file, made when it is missing.
        worker: the process's name, for whoever looks into the lock file.
        lease: what `Elsewhere` tells: seconds until another look.
    """

    def __init__(self, path: str | Path, *, worker: str = "", lease: float = 10.0) -> None:
        self._store = Sqlite(Path(path))
        self._worker = worker
        self._lock_path = Path(f"{path}.worker")
        self._lock: IO[bytes] | None = None
        self._id = uuid.uuid4().hex
        self._lease = lease
        self._hand = Hand()

    async def open(self) -> None:
        await self._store.open()
        await self._store.migrate("log", MIGRATIONS)

    async def close(self) -> None:
        await self._store.close()
        self._hand = Hand()
        self._id = uuid.uuid4().hex
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def claim(self, candidates: Sequence[Candidate], now: float) -> list[Claim]:
        self._be_the_worker()
        faces = {candidate.face.job_id: candidate.face for candidate in reversed(candidates)}
        async with self._store.transaction() as connection:
            known = _rows(await connection.execute_fetchall(_LOCK, (json.dumps(list(faces)),)))
            new = {job_id: face for job_id, face in faces.items() if job_id not in known}
            held = {job_id for job_id in known if self._hand.holds(job_id)}
            claims, taken = answer(candidates, Found(new, known, held), now, self._lease)
            await connection.executemany(_CREATE, [self._created(face, now) for face in new.values()])
            await connection.execute(_TAKE, (self._id, False, json.dumps(sorted(taken & known.keys()))))
        self._hand.keep(taken)
        return claims

    async def intend(self, attempts: Sequence[tuple[str, int]]) -> set[str]:
        async with self._store.transaction() as connection:
            rows = await connection.execute_fetchall(_INTEND, (json.dumps(attempts), self._id))
        ours = {row[0] for row in rows}
        self._hand.drop({job_id for job_id, _ in attempts} - ours)
        return ours

    async def release(self, jobs: Sequence[tuple[str, int, bytes | None]]) -> None:
        async with self._store.transaction() as connection:
            rows = [(attempt, holds, job_id, self._id) for job_id, attempt, holds in jobs]
            await connection.executemany(_RELEASE, rows)
        # Not before, or another ticket's claim would be released with it.
        self._hand.drop(job_id for job_id, _, _ in jobs)

    async def forsake(self, job_ids: Sequence[str]) -> None:
        async with self._store.transaction() as connection:
            await connection.execute(_FORSAKE, (json.dumps(list(job_ids)), self._id))
        self._hand.drop(job_ids)

    async def record(self, outcomes: Sequence[Outcome]) -> set[str]:
        wanted = json.dumps([outcome.job_id for outcome in outcomes])
        async with self._store.transaction() as connection:
            standing = {row[0]: row[1:] for row in await connection.execute_fetchall(_STANDING, (self._id, wanted))}
            mine = [o for o in outcomes if o.job_id in standing and standing[o.job_id][0]]
            # An outcome that stands there already was written by an earlier try whose answer was lost.
            written = {o.job_id for o in outcomes if standing.get(o.job_id, ())[1:] == (o.seq, o.event)}
            rows = [self._outcome(outcome) for outcome in mine]
            await connection.executemany(_RECORD, rows)
            await connection.executemany(_TOLD, [row for row in rows if row["story"] is not None])
        self._hand.drop(outcome.job_id for outcome in outcomes)
        return written | {outcome.job_id for outcome in mine}

    async def parked(self, tickets: Sequence[tuple[str, int]]) -> None:
        async with self._store.transaction() as connection:
            await connection.execute(_PARKED, (json.dumps(tickets),))

    async def due(self, now: float, limit: int) -> list[State]:
        return await self._sweep(_DUE, now, limit)

    async def unsettled(self, delivery_ids: Sequence[str], limit: int) -> list[State]:
        return await self._sweep(_UNSETTLED, json.dumps(list(map(storable, delivery_ids))), limit)

    async def _sweep(self, which: str, what: float | str, limit: int) -> list[State]:
        """Take jobs that a statement finds, but for those in hand."""
        self._be_the_worker()
        async with self._store.transaction() as connection:
            arguments = (what, json.dumps(self._hand.full()), limit)
            rows = _rows(await connection.execute_fetchall(which, arguments))
            await connection.execute(_TAKE, (self._id, True, json.dumps(list(rows))))
        self._hand.keep(rows)
        return [seize(row).state for row in rows.values()]

    async def unpublished(self, limit: int) -> list[bytes]:
        async with self._store.transaction(write=False) as connection:
            return [row[0] for row in await connection.execute_fetchall(_UNPUBLISHED, (self._id, limit))]

    async def published(self, job_ids: Sequence[str]) -> None:
        async with self._store.transaction() as connection:
            await connection.execute(_PUBLISHED, (json.dumps(list(job_ids)),))

    async def forget(self, before: float, limit: int) -> int:
        async with self._store.transaction() as connection:
            gone = [row[0] for row in await connection.execute_fetchall(_FORGET, (before, limit))]
            await connection.execute(_UNTOLD, (json.dumps(gone),))
        return len(gone)

    async def tally(self, delivery_id: str | None) -> list[Tally]:
        wanted = None if delivery_id is None else storable(delivery_id)
        async with self._store.transaction(write=False) as connection:
            return [Tally(*row) for row in await connection.execute_fetchall(_TALLY, (wanted,))]

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
        async with self._store.transaction(write=False) as connection:
            rows = await connection.execute_fetchall(_FINALS, (storable(delivery_id), after, limit))
        return [(row[0], row[1]) for row in rows]

    def _be_the_worker(self) -> None:
        """Hold the file's worker lock, which the system takes from a process that ends."""
        if self._lock is None:
            try:
                lock = self._lock_path.open("ab")
            except OSError as error:
                raise LogAway(str(error)) from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.close()
                raise LogAway(f"{self._lock_path} is held: another worker process uses this store") from error
            lock.truncate(0)
            lock.write(self._worker.encode())
            lock.flush()
            self._lock = lock

    def _created(self, face: Face, now: float) -> tuple[object, ...]:
        delivery_id = storable(face.delivery_id)
        return (face.job_id, delivery_id, face.test, write_face(face), now, validity(face, now), self._id)

    def _outcome(self, outcome: Outcome) -> dict[str, object]:
        return {name: getattr(outcome, name) for name in Outcome.__struct_fields__} | {
            "now": time.time(),
            "me": self._id,
        }


def _rows(records: Iterable[aiosqlite.Row | Sequence[object]]) -> dict[str, Row]:
    rows = (Row(*record) for record in records)
    return {row.job_id: row for row in rows}
