"""The delivery log's two adapters, and the model of it, as the conformance suite drives them."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from feedback.log import Candidate, DeliveryLog, Face, Outcome
from feedback.log.postgres import PostgresLog
from feedback.log.sqlite import SqliteLog
from feedback.store.postgres import Postgres
from tests.world.store import Store as Model
from tests.world.store import StoreLog
from worker.console.records import Records
from worker.console.records.postgres import PostgresRecords
from worker.console.records.sqlite import SqliteRecords

NOW = 1_800_000_000.0


@dataclass
class PostgresStore:
    """Workers on one database. One that does not beat is dead to the others, however lively it acts."""

    dsn: str
    opened: list[DeliveryLog] = field(default_factory=list)

    async def worker(self) -> DeliveryLog:
        return await self._open(30.0)

    async def doomed_worker(self) -> DeliveryLog:
        return await self._open(0.0)

    async def die(self, log: DeliveryLog) -> None:
        """It never beat."""

    async def attempts(self, job_id: str) -> list[bytes]:
        return await _attempts(PostgresRecords(Postgres(self.dsn, size=2)), job_id)

    async def _open(self, lease: float) -> DeliveryLog:
        log = PostgresLog(Postgres(self.dsn, size=2), worker=f"w{len(self.opened)}", lease=lease)
        self.opened.append(log)
        await log.open()
        return log


@dataclass
class SqliteStore:
    """Workers on one file, one after the other."""

    path: Path
    opened: list[DeliveryLog] = field(default_factory=list)

    async def worker(self) -> DeliveryLog:
        log = SqliteLog(self.path)
        self.opened.append(log)
        await log.open()
        return log

    doomed_worker = worker

    async def die(self, log: DeliveryLog) -> None:
        """Take its lock away, as the system does when a process ends."""
        self.path.with_name(self.path.name + ".worker").unlink(missing_ok=True)

    async def attempts(self, job_id: str) -> list[bytes]:
        return await _attempts(SqliteRecords(self.path), job_id)


@dataclass
class WorldStore:
    """The model that simulated worlds have for a store: it must keep what the adapters keep."""

    model: Model = field(default_factory=lambda: Model(monotonic))
    opened: list[DeliveryLog] = field(default_factory=list)

    async def worker(self) -> DeliveryLog:
        return await self._open(30.0)

    async def doomed_worker(self) -> DeliveryLog:
        return await self._open(0.0)

    async def die(self, log: DeliveryLog) -> None:
        """It never beat."""

    async def attempts(self, job_id: str) -> list[bytes]:
        kept = self.model.jobs.get(job_id)
        return [] if kept is None else [story for _, story in sorted(kept.attempts.items())]

    async def _open(self, lease: float) -> DeliveryLog:
        log = StoreLog(self.model, f"w{len(self.opened)}", lease=lease)
        self.opened.append(log)
        await log.open()
        return log


Store = PostgresStore | SqliteStore | WorldStore


async def _attempts(records: Records, job_id: str) -> list[bytes]:
    """What is kept of a job's attempts, for people to read."""
    await records.open()
    try:
        return await records.attempts(job_id)
    finally:
        await records.close()


_numbers = itertools.count()


def face(job_id: str | None = None, **facts: object) -> Face:
    """A job's face, of a name never used before unless told."""
    plain: dict[str, object] = {
        "job_id": job_id or f"job-{next(_numbers)}",
        "delivery_id": "spring",
        "wave": 2,
        "tenant": "default",
        "rcpt_to": "anna@example.net",
        "context": {"broadlog": 17, "vip": True, "score": 0.5, "list": "a\0b"},
        "test": False,
        "expires_at": None,
    }
    return Face(**(plain | facts))  # type: ignore[arg-type]


def ticket(of: Face, generation: int = 0) -> Candidate:
    return Candidate(of, generation)


def sent(of: Face, *, seq: int = 1, attempt: int = 1, final: str = "sent") -> Outcome:
    return Outcome(job_id=of.job_id, seq=seq, attempt=attempt, event=_event(of, seq), final=final)


def delayed(of: Face, retry_at: float, *, seq: int = 1, attempt: int = 1, doubtful: bool = False) -> Outcome:
    return Outcome(
        job_id=of.job_id, seq=seq, attempt=attempt, event=_event(of, seq), retry_at=retry_at, doubtful=doubtful
    )


def _event(of: Face, seq: int) -> bytes:
    return b'{"event_id":"%s/%d"}' % (of.job_id.encode(), seq)
