"""What a mail costs as the work grows: `python -m tests.bench.growth [--most N] [--rounds N] [--only WORDS]`.

One worker process over RabbitMQ and PostgreSQL, both with fsync, sends more jobs, to more domains, or larger mails; which of
the figures stay flat? Each course has a broker, a store and a worker of its own, and begins with mails that do not count.
All jobs are published at once, but in one course so that few wait in the broker.
Domains are looked up in a real DNS. Each is a site of its own with a server at an address of its own, but for those that a few
mail systems host. Prints tables and writes build/bench-growth.json. A million mails of 10 kB take about 25 GB of disk.
"""

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.contest import lookups, ours, race
from tests.bench.contest.contestant import Contestant, NotHere
from tests.bench.contest.load import Load
from tests.bench.contest.loopback import own_network
from tests.bench.contest.race import Failed, Place, Result
from tests.bench.contest.sink import sink
from tests.bench.contest.table import Row, brief

WARM_UP = 2000
"""Mails of the course's own kind, sent before the clock starts; a course with fewer of them begins with as many as it has."""
FLAT = 0.15
"""A cost is called flat that is above the first row's by no more than this share."""

WAITING = 20_000
"""Jobs that may wait in the broker in the course that shows what the number of those that wait does to the cost."""

_ROOT = Path(__file__).parents[2]
_WIDEST = 100_000  # mails of a course with many domains
_RUNS, _ENOUGH = 5, 10_000  # a short course is run so many times in a turn, or until so many mails are sent
_OCTETS_A_JOB = 4000  # on disk, beside twice the mail
_EACH = {10_000: 10_000, 50_000: 4000, 100_000: 2000, 1_000_000: 300}  # octets of a mail, and how many are sent


@dataclass(frozen=True, slots=True)
class Axis:
    """What grows, in the order in which it does."""

    name: str
    title: str
    loads: Sequence[Load]
    labels: Sequence[str]


def axes(most: int) -> list[Axis]:
    """`most`: jobs in the longest course."""
    wide = min(most, _WIDEST)
    counts = [*(count for count in (1000, 10_000, 100_000) if count < most), most]
    jobs = [*(Load(count, 10_000, 1) for count in counts), Load(most, 10_000, 1, waiting=WAITING)]
    domains = [Load(wide, 10_000, number) for number in (1, 200, lookups.DOMAINS)]
    domains.append(Load(wide, 10_000, lookups.DOMAINS, hosted=True))
    domains = [load for load in domains if load.domains <= wide]
    return [
        Axis("jobs", "More jobs", jobs, [_many(load) for load in jobs]),
        Axis(
            "domains",
            "More domains",
            domains,
            [_towards(load) for load in domains],
        ),
        Axis(
            "size",
            "Larger mails",
            [Load(count, size, 1) for size, count in _EACH.items()],
            [f"{n // 1000:,} kB" for n in _EACH],
        ),
    ]


def _many(load: Load) -> str:
    return f"{load.count:,} jobs" + f", {load.waiting:,} waiting" * bool(load.waiting)


def _towards(load: Load) -> str:
    return f"{load.domains:,} {'hosted ' * load.hosted}domain{'s' * (load.domains > 1)}"


def turn(place: Place, load: Load) -> list[Result | Failed]:
    """One worker's figures on a course."""
    try:
        with race.ground_for(place) as (ground, outside), lookups.nameserver(ground, outside) as world:
            worker = Contestant("campaign-mta", True, ours.DURABLE, ours.processes(1, lambda _: world))
            with worker.start(ground) as running:
                race.try_out(worker, running, place, ground)
                with sink(place.sink_address, ground.sink, ground.folder, outside) as receiver:
                    warm = replace(load, count=min(load.count, WARM_UP))
                    first = race.measure(running, ground, outside, receiver, warm)
                    if isinstance(first, Failed):
                        return [first]
                    runs = max(1, min(_RUNS, _ENOUGH // load.count))
                    return [race.measure(running, ground, outside, receiver, load) for _ in range(runs)]
    except (NotHere, OSError) as fault:
        return [Failed(str(fault))]


def main() -> int:
    options = _options()
    chosen = [axis for axis in axes(options.most) if not options.only or axis.name in options.only]
    console = Console(width=182)
    loads = list(dict.fromkeys(load for axis in chosen for load in axis.loads))
    needed = max(load.count * (2 * load.size + _OCTETS_A_JOB) for load in loads)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed + 2**30:
        console.print(f"{tempfile.gettempdir()} has {free / 1e9:.0f} GB, which is too little for {needed / 1e9:.0f} GB")
        return 2
    alone = own_network()
    results: defaultdict[Load, list[Result | Failed]] = defaultdict(list)
    with race.place(_ROOT / "build" / "bench-tools", alone) as ground:
        for number in range(options.rounds):
            for load in loads:
                results[load] += turn(ground, load)
                console.print(f"round {number + 1}, {load.count:,} mails of {load.size // 1000} kB to {_towards(load)}: {brief(results[load][-1])}", highlight=False, markup=False)  # fmt: skip
    for axis in chosen:
        show(console, axis, results)
    console.print(
        f"CPU in ms per mail: the worker's; with broker and store; of what published; of receiver and nameserver. A turn begins "
        f"with 200 mails\nwhose signatures are verified and {WARM_UP:,} more (or as many as the course has); flat: no more than "
        f"{FLAT:.0%} above the first row, all processes together."
    )
    _write(chosen, results)
    return 0


def show(console: Console, axis: Axis, results: Mapping[Load, Sequence[Result | Failed]]) -> None:
    rows = _rows(axis, results)
    table = Table(title=axis.title, box=box.SIMPLE, title_justify="left")
    for name in ("", "mails", "runs", "mails/s", "lowest-highest", "CPU ms", "to first", "with broker, store", "to first", "flat", "publishing", "outside", "peak MB", "others"):  # fmt: skip
        table.add_column(name, justify="left" if not name else "right")
    for label, row in zip(axis.labels, rows, strict=True):
        table.add_row(label, f"{row.load.count:,}", *_figures(row, rows[0]))
    console.print(table)
    for row in rows:
        if row.why:
            console.print(f"{row.load}: {row.why}", markup=False, highlight=False)


def _rows(axis: Axis, results: Mapping[Load, Sequence[Result | Failed]]) -> list[Row]:
    worker = Contestant("campaign-mta", True, ours.DURABLE, ours.processes(1))
    return [Row(worker, load, results[load]) for load in axis.loads]


def growth(row: Row, first: Row) -> tuple[float, float]:
    """How many times the first row's cost a row's is: the worker's, and with broker and store."""
    return row.median("cpu_ms") / first.median("cpu_ms"), row.all_ms / first.all_ms


def _figures(row: Row, first: Row) -> list[str]:
    if not row.good or not first.good:
        return ["0", "no figure"]
    rates = [result.rate for result in row.good]
    own, whole = growth(row, first)
    return [
        str(len(rates)),
        f"{row.median('rate'):,.0f}",
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        f"{row.median('cpu_ms'):.2f}",
        f"{own:.2f}",
        f"{row.all_ms:.2f}",
        f"{whole:.2f}",
        "yes" if whole <= 1 + FLAT else "NO",
        f"{row.median('feeding_ms'):.2f}",
        f"{row.median('sink_ms'):.2f}",
        f"{row.median('peak_mb'):,.0f}",
        f"{row.median('others'):.0%}",
    ]


def _write(chosen: Sequence[Axis], results: Mapping[Load, Sequence[Result | Failed]]) -> None:
    told: dict[str, Any] = {}
    for axis in chosen:
        rows = _rows(axis, results)
        told[axis.name] = [row.json() for row in rows]
        for each, row in zip(told[axis.name], rows, strict=True):
            each["hosted"], each["waiting"] = row.load.hosted, row.load.waiting
            if row.good and rows[0].good:
                each["to_first"], each["to_first_all"] = (round(ratio, 3) for ratio in growth(row, rows[0]))
    (_ROOT / "build").mkdir(exist_ok=True)
    (_ROOT / "build" / "bench-growth.json").write_text(json.dumps(told, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__.partition("\n")[0])
    parser.add_argument("--most", type=int, default=100_000, help="jobs in the longest course (default 100000)")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each course (default 1)")
    parser.add_argument("--only", nargs="*", choices=("jobs", "domains", "size"), help="what grows (default all)")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
