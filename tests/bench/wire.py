"""The simulator held against real workers: `python -m tests.bench.wire [calm] [chaos]`.

Sends tests/wire/wire.toml with real processes, over RabbitMQ and PostgreSQL, to `campaign-mta sink --policy`, once in
peace and once with trouble in mid-wave: one of four workers killed, PostgreSQL restarted, two workers added. Prints what the
sites counted beside what the simulator says of the same file, and whether any site ever saw more than the leases allowed.
Writes build/bench-wire.json. The processes share this machine's cores, so the finish is a little later than in virtual time.
"""

import json
import statistics
import sys
import tempfile
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.acceptance.installation import Installation
from tests.services.postgres import PostgresServer
from tests.services.rabbitmq import private_rabbitmq
from tests.wire.course import Course
from tests.wire.proof import Event
from worker.simulation.run import results
from worker.simulation.scenario import read

SCENARIO = Path(__file__).parents[1] / "wire" / "wire.toml"
BUILD = Path(__file__).parents[2] / "build"
PATIENCE = 900.0
SEEDS = 5
"""Runs of the simulation, for chance decides where each limit is met."""

_LIMITED = {"crowded", "too_fast", "used_up", "blocked"}
_ANSWERED = {"accepted", "unknown", "transient", "greylisted", *_LIMITED}


@dataclass(frozen=True, slots=True)
class Row:
    """One wave. `finish` in seconds from the first connection to the last message settled."""

    wave: str
    messages: int
    finish: float
    throttled_share: float
    throttled: float
    compared: int = 0
    breaches: tuple[str, ...] = ()


def simulated() -> list[Row]:
    """What the simulator says: one row for each seed."""
    text = SCENARIO.read_text(encoding="utf-8")
    rows = []
    for seed in range(SEEDS):
        scenario = read(text).model_copy(update={"seed": seed})
        total = results(scenario, ["adaptive"])[0].total
        rows.append(
            Row(f"simulated, seed {seed}", total.messages, total.finish, total.throttled_share, total.throttled)
        )
    return rows


def measured(wave: str, trouble: Callable[[Course, Installation, PostgresServer], None]) -> Row:
    """One wave on the wire; `trouble` comes when a quarter of it is settled."""
    text = SCENARIO.read_text(encoding="utf-8")
    with (
        tempfile.TemporaryDirectory(prefix="campaign-mta-wire-") as folder,
        private_rabbitmq() as broker,
        PostgresServer(durable=True) as postgres,
    ):
        course = Course(text, Path(folder), broker.url, postgres.url, f"w{uuid.uuid4().hex[:6]}")
        messages = course.scenario.messages
        with course.sites() as ports:
            here = course.installed(ports)
            course.enqueue(here)
            course.start(here, course.scenario.workers)
            try:
                course.until(lambda: course.settled() >= messages // 4, PATIENCE, here.logs)
                trouble(course, here, postgres)
                course.until(lambda: course.settled() >= messages, PATIENCE, here.logs)
            finally:
                course.stop()
        return _row(wave, course)


def _row(wave: str, course: Course) -> Row:
    events, proofs = course.events(), course.proofs()
    answered = sum(event.what in _ANSWERED for event in events)
    throttled = sum(event.what in _LIMITED for event in events)
    return Row(
        wave,
        course.scenario.messages,
        _finish(events),
        throttled / answered,
        throttled,
        sum(proof.connections + proof.windows + proof.grants for proof in proofs.values()),
        tuple(breach for proof in proofs.values() for breach in proof.breaches),
    )


def _finish(events: Sequence[Event]) -> float:
    return max(event.at for event in events if event.what in ("taken", "unknown")) - events[0].at


def _peace(course: Course, here: Installation, postgres: PostgresServer) -> None:
    """Nothing happens."""


def chaos(course: Course, here: Installation, postgres: PostgresServer) -> None:
    """kill -9 one worker, restart PostgreSQL, add two workers."""
    messages = course.scenario.messages
    course.kill_one()
    course.until(lambda: course.settled() >= messages * 2 // 5, PATIENCE, here.logs)
    postgres.stop()
    postgres.start()
    course.until(lambda: course.settled() >= messages * 11 // 20, PATIENCE, here.logs)
    course.start(here, 2)


WAVES = {"calm": ("four workers", _peace), "chaos": ("four, one killed, store restarted, two added", chaos)}


def main(names: Sequence[str]) -> None:
    console = Console(width=130)
    virtual = simulated()
    rows = [measured(*WAVES[name]) for name in names or WAVES]
    mean = Row(
        f"simulated, mean of {SEEDS} seeds",
        virtual[0].messages,
        statistics.mean(row.finish for row in virtual),
        statistics.mean(row.throttled_share for row in virtual),
        statistics.mean(row.throttled for row in virtual),
    )
    _show(console, [*virtual, mean], rows, mean)
    BUILD.mkdir(exist_ok=True)
    told = {"simulated": [asdict(row) for row in [*virtual, mean]], "measured": [asdict(row) for row in rows]}
    (BUILD / "bench-wire.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _show(console: Console, virtual: Sequence[Row], real: Sequence[Row], mean: Row) -> None:
    table = Table(
        "wave", "messages", "finish", "to simulated", "throttled", "to simulated", "compared", "over the leases"
    )
    for row in [*virtual, *real]:
        measured = row in real
        table.add_row(
            row.wave,
            f"{row.messages:,}",
            f"{row.finish:.1f} s",
            f"{row.finish / mean.finish - 1:+.1%}",
            f"{row.throttled_share:.2%}",
            f"{row.throttled_share / mean.throttled_share - 1:+.1%}",
            f"{row.compared:,}" if measured else "",
            str(len(row.breaches)) if measured else "",
        )
    console.print(table)
    for row in real:
        for breach in row.breaches[:20]:
            console.print(f"{row.wave}: {breach}", markup=False)


if __name__ == "__main__":
    main(sys.argv[1:])
