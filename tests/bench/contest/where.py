"""Where the worker's processor time goes, part by part, beside what a bare RSA-2048 signature takes.

One worker process is sampled while it works off a load. The figures are the differences between two tellings of its
sampler, so that its start is not in them.
"""

import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from rich import box
from rich.console import Console
from rich.table import Table

from tests import keys
from tests.bench.contest import cost, ours, race
from tests.bench.contest.contestant import Contestant, Ground, NotHere, until
from tests.bench.contest.load import Load
from tests.bench.contest.race import Failed, Place, Result
from tests.bench.contest.sink import sink

_FUNCTIONS = 25
_PROGRAMS = {"beam.smp": "broker (RabbitMQ)", "postgres": "store (PostgreSQL)"}
_SAMPLED = Contestant("sampled", True, ours.DURABLE, ours.processes(1))

Tally = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Where:
    """Microseconds of processor time for each message. `whole` is the kernel's count of the worker; `threads` are those beside
    the event loop's, whose time is in `parts` and, finer, in `functions`; `beside` are broker, store, publisher, receiver."""

    load: Load
    rate: float
    whole: float
    parts: Tally
    threads: Tally
    functions: Tally
    beside: Tally
    bare_signature: float

    def json(self) -> dict[str, Any]:
        return asdict(self)


def measure(place: Place, load: Load) -> Where | Failed:
    """One run of one worker process, sampled."""
    with race.ground_for(place) as (ground, sink_group):
        (ground.folder / "samples").mkdir()
        looked = replace(ground, worker=_sampled(ground.folder / "samples"))
        try:
            with _SAMPLED.start(looked) as running:
                race.try_out(_SAMPLED, running, place, looked)
                with sink(place.sink_address, ground.sink, ground.folder, sink_group) as receiver:
                    before = _told(looked)
                    result = race.measure(running, looked, sink_group, receiver, load)
                    after = _told(looked)
        except (NotHere, OSError) as fault:
            return Failed(str(fault))
    return result if isinstance(result, Failed) else _where(load, result, before, after)


def _sampled(folder: Path) -> tuple[str, ...]:
    start = f"from tests.bench.contest.sampling import begin; begin({str(folder)!r})"
    return ("-c", f"{start}; from worker.command import main; main()", "worker")


def _told(ground: Ground) -> dict[str, Any]:
    """What the sampler of the one worker process tells when asked."""
    [pid] = ground.own.pids()
    file = ground.folder / "samples" / f"{pid}.json"
    os.kill(pid, signal.SIGUSR1)
    until(file.exists, "the sampler")
    told: dict[str, Any] = json.loads(file.read_text())
    file.unlink()
    return told | {"backing": cost.by_program(ground.backing.pids())}


def _where(load: Load, result: Result, before: Mapping[str, Any], after: Mapping[str, Any]) -> Where:
    def each(kind: str) -> Tally:
        spent = {name: after[kind][name] - before[kind].get(name, 0.0) for name in after[kind]}
        return {name: spent[name] * 1e6 / load.count for name in sorted(spent, key=spent.__getitem__, reverse=True)}

    functions = dict(list(each("functions").items())[:_FUNCTIONS])
    programs = {_PROGRAMS[name]: spent for name, spent in each("backing").items() if name in _PROGRAMS}
    beside = programs | {"publisher": result.feeding_ms * 1000, "receiver": result.sink_ms * 1000}
    whole = result.cpu_ms * 1000
    return Where(load, result.rate, whole, each("parts"), each("threads"), functions, beside, bare_signature())


def bare_signature() -> float:
    """Microseconds of processor time of one RSA-2048 signature by `cryptography`."""
    private, count = keys.rsa(), 500
    began = time.process_time()
    for _ in range(count):
        private.sign(b"x" * 500, PKCS1v15(), SHA256())
    return (time.process_time() - began) * 1e6 / count


def show(console: Console, where: Where | Failed) -> None:
    if isinstance(where, Failed):
        console.print(f"Where the time goes: no figure: {where.why}", markup=False)
        return
    title = f"Where one worker process's time goes ({where.rate:,.0f} mails/s, sampled; microseconds of CPU per mail)"
    console.print(title, highlight=False)  # as a title of the table it would be broken into its width
    table = Table(box=box.SIMPLE)
    for name in ("part", "us", "share", "in bare signatures"):
        table.add_column(name, justify="left" if name == "part" else "right")
    known = sum(where.parts.values()) + sum(where.threads.values())
    threads = {f"thread {name}": spent for name, spent in where.threads.items()}
    for name, spent in [*threads.items(), *where.parts.items(), ("not sampled", where.whole - known)]:
        table.add_row(name, f"{spent:.0f}", f"{spent / where.whole:.0%}", f"{spent / where.bare_signature:.2f}")
    table.add_section()
    table.add_row("the worker", f"{where.whole:.0f}", "100%", f"{where.whole / where.bare_signature:.2f}")
    for name, spent in where.beside.items():
        table.add_row(name, f"{spent:.0f}", "", f"{spent / where.bare_signature:.2f}")
    table.add_row("a bare RSA-2048 signature", f"{where.bare_signature:.0f}", "", "1.00")
    console.print(table)
    console.print("The dearest functions in the event loop, with what they call outside all parts:")
    for name, spent in where.functions.items():
        console.print(f"{spent:>8.1f}  {name}", markup=False, highlight=False)
