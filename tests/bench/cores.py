"""Two worker processes against one: `python -m tests.bench.cores [--count N] [--rounds N] [--bits N,N] [--domains N]`.

Broker, store, publisher and receiver need processor time too, and a second worker process that shares two cores with them
cannot show what it is worth. So the whole of it is held to as many cores as there are worker processes: one process and all
that it needs on one core, then two on two. Signing outweighs everything else when the key has 4096 bits. Beside it one process
that has both cores: its signing thread uses the second one. What the machine gives at most is measured in between: signatures
that have nothing in common, on one core and on two. Prints a table and writes build/bench-cores.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, cast

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from rich import box
from rich.console import Console
from rich.table import Table

from tests import keys
from tests.bench.contest import ours, race
from tests.bench.contest.contestant import Contestant
from tests.bench.contest.load import Load
from tests.bench.contest.loopback import own_network
from tests.bench.contest.race import Failed, Place, Result
from tests.bench.contest.table import brief

_ROOT = Path(__file__).parents[2]
_WARM_UP = 1000
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Setting:
    """So many worker processes, on so many cores with all that they need."""

    processes: int
    cores: int

    def __str__(self) -> str:
        return f"{self.processes} process{'es' * (self.processes > 1)}, {self.cores} core{'s' * (self.cores > 1)}"


SETTINGS = (Setting(1, 1), Setting(2, 2), Setting(1, 2))


def turn(setting: Setting, place: Place, load: Load) -> Result | Failed:
    """A run that counts, after one that warms up."""
    worker = Contestant(str(setting), True, ours.DURABLE, ours.processes(setting.processes))
    with _held_to(setting.cores):
        warm = Load(_WARM_UP, load.size, load.domains)
        return race.turn(worker, place, [warm, load])[1]


def machine() -> float:
    """Bare signatures a second on two cores, to those on one: processes that share nothing but the machine."""
    command = [sys.executable, "-c", "from tests.bench.cores import sign_on; sign_on()"]
    cores = sorted(os.sched_getaffinity(0))[:2]
    with ExitStack() as stack:
        signing = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, str(core)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
                )
            )
            for core in cores
        ]
        for process in signing:
            cast(IO[str], process.stdout).readline()  # it is ready
        one, two, other = (_rate(some) for some in (signing[:1], signing, signing[1:]))
        for process in signing:
            cast(IO[str], process.stdin).close()
    return two / ((one + other) / 2)


def _rate(signing: Sequence["subprocess.Popen[str]"]) -> float:
    for process in signing:
        print(_SECONDS, file=process.stdin, flush=True)
    return sum(float(cast(IO[str], process.stdout).readline()) for process in signing)


def sign_on() -> None:
    """Signs on the core named by the first argument for as many seconds as each line of the input says; tells when it is
    ready, and how many a second it made."""
    os.sched_setaffinity(0, {int(sys.argv[1])})
    key, padding, sha256 = keys.rsa(2048), PKCS1v15(), SHA256()
    print(flush=True)
    for line in sys.stdin:
        made, began = 0, time.perf_counter()
        while time.perf_counter() - began < float(line):
            key.sign(b"0" * 32, padding, sha256)
            made += 1
        print(made / (time.perf_counter() - began), flush=True)


@contextmanager
def _held_to(number: int) -> Iterator[None]:
    """What is started within stays on the first so many cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:number])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main() -> int:
    options = _options()
    console = Console(width=130)
    if len(os.sched_getaffinity(0)) < max(setting.cores for setting in SETTINGS):
        console.print("this needs two cores")
        return 2
    alone = own_network()
    told: list[dict[str, object]] = []
    given: list[float] = []
    for bits in options.bits:
        results: dict[Setting, list[Result | Failed]] = {setting: [] for setting in SETTINGS}
        with race.place(_ROOT / "build" / "bench-tools", alone, bits) as ground:
            for number in range(options.rounds):
                given.append(machine())
                for setting in SETTINGS:
                    results[setting].append(turn(setting, ground, Load(options.count, 10_000, options.domains)))
                    console.print(
                        f"round {number + 1}, RSA-{bits}, {setting}: {brief(results[setting][-1])}", markup=False
                    )
        told += show(console, bits, results)
    console.print(
        f"Bare signatures a second on two cores: {median(given):.2f} ({min(given):.2f}-{max(given):.2f}) times one."
    )
    told.append({"machine": [round(each, 3) for each in given]})
    (_ROOT / "build" / "bench-cores.json").write_text(json.dumps(told, indent=1) + "\n")
    return 0


def show(console: Console, bits: int, results: dict[Setting, list[Result | Failed]]) -> list[dict[str, object]]:
    """The rows, as they go into the file."""
    table = Table(title=f"RSA-{bits}, mails of 10 kB, medians", box=box.SIMPLE, title_justify="left")
    for name in (
        "",
        "mails/s",
        "lowest-highest",
        "to one",
        "CPU ms",
        "with broker, store",
        "publishing, sink",
        "others",
    ):
        table.add_column(name, justify="left" if not name else "right")
    rows = []
    for setting in SETTINGS:
        good = [result for result in results[setting] if isinstance(result, Result)]
        if not good:
            table.add_row(str(setting), *(result.why for result in results[setting] if isinstance(result, Failed)))
            continue
        row = _row(bits, setting, good)
        first = rows[0] if rows else row
        rows.append(row | {"to_one": round(row["rate"] / first["rate"], 3)})
        table.add_row(
            str(setting),
            f"{row['rate']:,.0f}",
            f"{row['lowest']:,.0f}-{row['highest']:,.0f}",
            f"{rows[-1]['to_one']:.2f}",
            *(f"{row[name]:.2f}" for name in ("cpu_ms", "cpu_ms_all", "outside_ms")),
            f"{row['others']:.0%}",
        )
    console.print(table)
    return rows


def _row(bits: int, setting: Setting, good: Sequence[Result]) -> dict[str, float]:
    rates = [result.rate for result in good]
    return {
        "bits": bits,
        "processes": setting.processes,
        "cores": setting.cores,
        "rate": median(rates),
        "lowest": min(rates),
        "highest": max(rates),
        "cpu_ms": median(result.cpu_ms for result in good),
        "cpu_ms_all": median(result.cpu_ms + result.backing_ms for result in good),
        "outside_ms": median(result.feeding_ms + result.sink_ms for result in good),
        "others": median(result.others for result in good),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cores", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=4000, help="mails in a run (default 4000)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each setting (default 3)")
    parser.add_argument("--bits", type=_numbers, default=[4096, 2048], metavar="N,N", help="of the RSA key")
    parser.add_argument("--domains", type=int, default=1, help="destinations (default 1)")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    raise SystemExit(main())
