"""What repeats and disorder cost the tracker: `python -m tests.bench.tracker [events]`.

A history of some 100,000 events is applied in order, and then, to an empty store, shuffled with a third of it repeated. Both
must end in the same state, and counting anew must change nothing. In batches of 5,000 events, as the tracker takes them;
PostgreSQL flushes as in production.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from feedback.event import Event, decode, encode, join
from feedback.store.postgres import Postgres
from feedback.tracker import Tracker
from feedback.tracker.postgres import PostgresTracker
from feedback.tracker.sqlite import SqliteTracker
from tests.services.postgres import PostgresServer
from tests.unit.feedback.happenings import FULL, HARD, NOW, SOFT, Job

TARGET = 5000.0
"""Events a second."""

_BODY = 500
_BODIES = 10


@dataclass(frozen=True)
class Row:
    store: str
    how: str
    events: int
    rate: float
    recount_s: float
    same: bool


async def main(count: int) -> list[Row]:
    rng = random.Random(8)
    events = history(count, rng)
    shuffled = events + rng.sample(events, len(events) // 3)
    rng.shuffle(shuffled)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        files = (SqliteTracker(Path(folder) / name) for name in ("in-order.db", "shuffled.db"))
        rows += await compared("SQLite", files, events, shuffled)
    settings = {"shared_buffers": "256MB"}
    with (
        PostgresServer(durable=True, settings=settings) as one,
        PostgresServer(durable=True, settings=settings) as other,
    ):
        rows += await compared("PostgreSQL", (PostgresTracker(Postgres(s.url)) for s in (one, other)), events, shuffled)
    return rows


async def compared(
    store: str, trackers: Iterable[Tracker], events: Sequence[Event], shuffled: Sequence[Event]
) -> list[Row]:
    """Both ways, each into a tracker of its own."""
    in_order, disordered = trackers
    found, row = await applied(store, "in order", in_order, events)
    other, also = await applied(store, "shuffled, a third repeated", disordered, shuffled)
    return [Row(*row, same=found == other), Row(*also, same=found == other)]


async def applied(
    store: str, how: str, tracker: Tracker, events: Sequence[Event]
) -> tuple[object, tuple[str, str, int, float, float]]:
    bodies = [join(list(map(encode, events[start : start + _BODY]))) for start in range(0, len(events), _BODY)]
    await tracker.open()
    began = time.perf_counter()
    for start in range(0, len(bodies), _BODIES):
        await tracker.apply([event for body in bodies[start : start + _BODIES] for event in decode(body)])
    taken = time.perf_counter() - began
    found = await everything(tracker)
    began = time.perf_counter()
    await tracker.recount()
    recounted = time.perf_counter() - began
    assert await everything(tracker) == found, "counting anew gives other figures"
    await tracker.close()
    return found, (store, how, len(events), len(events) / taken, recounted)


async def everything(tracker: Tracker) -> object:
    """The figures, each job's fate, and all quarantines."""
    names = await tracker.deliveries()
    fates = [await tracker.finals(name, "", 10**9) for name in names]
    return names, await tracker.report(None), fates, await tracker.quarantined("", 10**9)


def history(count: int, rng: random.Random) -> list[Event]:
    """Events of two deliveries, in the order of their happening: of ten messages two are delayed first, one fails at once."""
    events: list[Event] = []
    number = 0
    while len(events) < count:
        job = Job(
            f"d.0.{rng.getrandbits(64):016x}", rng.choice(["spring", "autumn"]), f"r{number}@d{number % 500}.example"
        )
        job.at = NOW + rng.random() * 3600
        events.append(job.accepted())
        match rng.randrange(10):
            case 0:
                events.append(job.failed(HARD))
            case 1 | 2:
                events += [job.delayed(rng.choice([SOFT, FULL])), job.sent()]
            case 3:
                pass
            case _:
                events.append(job.sent())
        number += 1
    return sorted(events, key=lambda event: event.at)


def show(rows: Sequence[Row]) -> None:
    table = Table(title=f"Events a second into the tracker; the aim is {TARGET:,.0f}", box=box.SIMPLE)
    for name in ("store", "", "events", "per second", "counted anew in", "same state"):
        table.add_column(name, justify="left" if name in ("store", "") else "right")
    for row in rows:
        figures = f"{row.events:,}", f"{row.rate:,.0f}", f"{row.recount_s:.2f} s"
        table.add_row(row.store, row.how, *figures, "yes" if row.same else "NO")
    Console().print(table)


if __name__ == "__main__":
    measurements = uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
    show(measurements)
    Path("build").mkdir(exist_ok=True)
    Path("build/bench-tracker.json").write_text(json.dumps({"rows": [asdict(row) for row in measurements]}, indent=1))
    sys.exit(not all(row.same and row.rate >= TARGET for row in measurements))
