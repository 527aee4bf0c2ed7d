"""What the delivery log and the tracker cost: `python -m tests.bench.log [jobs]`.

Each job is claimed, intended and recorded, in batches, four of them at a time as a worker has them. The tracker then hears
of each that it was accepted and sent, and of every tenth that it was delayed, in messages of 500 events. PostgreSQL flushes
as in production. CPU is this process's and, apart, all of PostgreSQL's.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from feedback.event import PathPart, SmtpPart, TlsPart, decode, encode, join
from feedback.log import Candidate, DeliveryLog, Face, Outcome
from feedback.log.postgres import PostgresLog
from feedback.log.sqlite import SqliteLog
from feedback.store.postgres import Postgres
from feedback.tracker import Tracker
from feedback.tracker.postgres import PostgresTracker
from feedback.tracker.sqlite import SqliteTracker
from tests.services.postgres import PostgresServer
from tests.unit.feedback.happenings import NOW, SOFT, Job

BATCHES = (50, 200)
AT_ONCE = 4
_TICK = os.sysconf("SC_CLK_TCK")
_TLS = TlsPart("TLSv1.3", "TLS_AES_256_GCM_SHA384", "none")
_PATH = PathPart("example", "mx1.example.net", "192.0.2.25", "192.0.2.10", "mta1.example.com", _TLS)
_SMTP = SmtpPart("body", 250, "2.0.0", "2.0.0 Ok: queued as 4F1B2C3D4E5F", "2.0.0 Ok: queued as *")


@dataclass(frozen=True)
class Row:
    """One measurement; microseconds are for one job or event."""

    what: str
    batch: int
    rate: float
    client_us: float
    store_us: float | None


async def main(count: int) -> list[Row]:
    rows: list[Row] = []
    with PostgresServer(durable=True, settings={"shared_buffers": "256MB"}) as server:
        for batch in BATCHES:
            log = PostgresLog(Postgres(server.url), worker="bench")
            rows.append(await log_row(f"log on PostgreSQL, {AT_ONCE} at once", log, batch, count, server.pid))
        tracker = PostgresTracker(Postgres(server.url))
        rows += [await tracker_row("tracker on PostgreSQL", tracker, count, server.pid)]
    with tempfile.TemporaryDirectory() as folder:
        rows.append(await log_row("log on SQLite", SqliteLog(Path(folder) / "log.db"), 200, count // 4, None))
        rows.append(await tracker_row("tracker on SQLite", SqliteTracker(Path(folder) / "t.db"), count // 4, None))
    return rows


async def log_row(what: str, log: DeliveryLog, batch: int, count: int, server: int | None) -> Row:
    wave = jobs(f"wave{batch}", count)
    work = [
        ([Candidate(face(job), 0) for job in part], [(job.job_id, 1) for job in part], [outcome(job) for job in part])
        for part in (wave[start : start + batch] for start in range(0, count, batch))
    ]
    await log.open()
    row = await measured(what, batch, count, server, lambda: deliver(log, work))
    await log.close()
    return row


async def deliver(
    log: DeliveryLog, work: Sequence[tuple[list[Candidate], list[tuple[str, int]], list[Outcome]]]
) -> None:
    """What a worker does with the log, batch after batch, several at once."""
    waiting = iter(work)

    async def line() -> None:
        for candidates, attempts, outcomes in waiting:
            await log.claim(candidates, NOW)
            assert len(await log.intend(attempts)) == len(attempts)
            assert len(await log.record(outcomes)) == len(outcomes)

    await asyncio.gather(*(line() for _ in range(AT_ONCE)))


async def tracker_row(what: str, tracker: Tracker, count: int, server: int | None) -> Row:
    wave = jobs("tracked", count)
    events = [encode(job.accepted()) for job in wave]
    events += [encode(job.delayed(SOFT)) for job in wave[::10]]
    events += [sent(job) for job in wave]
    bodies = [join(events[start : start + 500]) for start in range(0, len(events), 500)]
    await tracker.open()
    row = await measured(what, 5000, len(events), server, lambda: track(tracker, bodies))
    [report] = await tracker.report("tracked")
    assert report.sent == count
    await tracker.close()
    return row


async def track(tracker: Tracker, bodies: Sequence[bytes]) -> None:
    for start in range(0, len(bodies), 10):
        await tracker.apply([event for body in bodies[start : start + 10] for event in decode(body)])


async def measured(what: str, batch: int, count: int, server: int | None, work: Callable[[], Awaitable[None]]) -> Row:
    wall, client, before = time.perf_counter(), time.process_time(), server_cpu(server)
    await work()
    wall, client = time.perf_counter() - wall, time.process_time() - client
    store_us = None if server is None else 1e6 * (server_cpu(server) - before) / count
    return Row(what, batch, count / wall, 1e6 * client / count, store_us)


def server_cpu(postmaster: int | None) -> float:
    """Processor seconds of a PostgreSQL server and its children, past ones included."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat") if postmaster else ():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended since
            continue
        if int(stat.parent.name) == postmaster:
            ticks += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            ticks += sum(map(int, fields[11:13]))
    return ticks / _TICK


def jobs(delivery: str, count: int) -> list[Job]:
    """Jobs with names as `send` gives them: in no order."""
    return [
        Job(f"{delivery}.0.{hash((delivery, n)) & (2**64 - 1):016x}", delivery, f"r{n}@d{n % 200}.example")
        for n in range(count)
    ]


def face(job: Job) -> Face:
    return Face(
        job_id=job.job_id,
        delivery_id=job.delivery_id,
        wave=0,
        tenant="default",
        rcpt_to=job.rcpt_to,
        context={"broadlog": 123456789, "segment": "spring"},
        test=False,
        expires_at=None,
    )


def outcome(job: Job) -> Outcome:
    return Outcome(job_id=job.job_id, seq=1, attempt=1, event=sent(job), final="sent")


def sent(job: Job) -> bytes:
    return encode(msgspec.structs.replace(job.sent(), path=_PATH, smtp=_SMTP))


def show(rows: Sequence[Row]) -> None:
    table = Table(title="Jobs or events a second, and microseconds of CPU for each", box=box.SIMPLE)
    for name in ("", "batch", "per second", "client CPU", "PostgreSQL CPU"):
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        store = "" if row.store_us is None else f"{row.store_us:.0f}"
        table.add_row(row.what, str(row.batch), f"{row.rate:,.0f}", f"{row.client_us:.0f}", store)
    Console().print(table)


if __name__ == "__main__":
    measurements = uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000))
    show(measurements)
    Path("build").mkdir(exist_ok=True)
    Path("build/bench-log.json").write_text(json.dumps({"rows": [asdict(row) for row in measurements]}, indent=1))
