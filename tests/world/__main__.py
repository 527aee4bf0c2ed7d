"""The whole worker in simulated worlds: `python -m tests.world [--seeds N] [--first N] [--cores N]`; `--seed N` tells one
world's story; `--planted` plants bugs and counts the seeds until each is caught.

Prints a table and ends with 1 when a promise was broken.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.world.planted import BUGS
from tests.world.runner import Sum, hushed, many, one, seeds_until_caught
from tests.world.story import Moment

ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10_000, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, help="one world: its story, and its breaches")
    parser.add_argument("--job", help="with --seed: what concerns this job only")
    parser.add_argument("--planted", action="store_true", help="plant bugs, and catch them")
    options = parser.parse_args()
    console = Console(width=150, highlight=False)
    if options.seed is not None:
        return _tell(console, options.seed, options.job)
    if options.planted:
        return _plant(console, options.seeds)
    return _run(console, options.first, options.seeds, options.cores)


def _run(console: Console, first: int, number: int, cores: int) -> int:
    began, total = time.monotonic(), Sum()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("worlds", total=number)
        for part in many(first, number, cores):
            total.merge(part)
            progress.advance(task, part.worlds)
            for seed, breaches in part.broken.items():
                console.print(f"seed {seed}: {'; '.join(breaches[:3])}", markup=False)
    seconds = time.monotonic() - began
    _table(console, total, seconds)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "world.json").write_text(json.dumps(_figures(total, seconds), indent=1) + "\n")
    return 1 if total.broken else 0


def _figures(total: Sum, seconds: float) -> dict[str, object]:
    return {
        "seeds": total.worlds, "jobs": total.jobs, "events": total.events, "copies": total.copies,
        "final events in doubt": total.doubts, "steps": total.steps, "seeds with a breach": len(total.broken),
        "seconds": round(seconds, 1), "faults": dict(total.faults.most_common()),
    }  # fmt: skip


def _table(console: Console, total: Sum, seconds: float) -> None:
    table = Table("worlds", "")
    for name, value in _figures(total, seconds).items():
        if isinstance(value, dict):
            for fault, number in value.items():
                table.add_row(f"  {fault}", f"{number:,}")
        else:
            table.add_row(name, f"{value:,}")
    table.columns[1].justify = "right"
    console.print(table)


def _plant(console: Console, most: int) -> int:
    table = Table("planted bug", "seeds until caught", "seen as")
    missed = False
    for words, bug in BUGS.items():
        found = seeds_until_caught(bug, most)
        missed |= found is None
        table.add_row(words, str(found[0]) if found else f"NOT in {most}", found[1][0][:80] if found else "")
        console.print(f"{words}: {found[0] if found else 'not caught'}", markup=False)
    console.print(table)
    return 1 if missed else 0


def _tell(console: Console, seed: int, job: str | None) -> int:
    with hushed():
        story, breaches = one(seed)
    for moment in story.moments:
        if job is None or moment.which == job or moment.what in ("fault", "started", "stopped", "killed", "calm"):
            console.print(_line(moment), markup=False, soft_wrap=True)
    for breach in breaches:
        console.print(f"BREACH {breach}", markup=False, soft_wrap=True)
    return 1 if breaches else 0


def _line(moment: Moment) -> str:
    about = moment.about
    match moment.what:
        case "published":
            about = f"{about.event_id} {about.event} {about.cause or ''} {'in doubt' if about.in_doubt else ''}"
        case "recorded":
            about = f"{about.seq}: {about.final or f'retry at {about.retry_at}'} by attempt {about.attempt}"
        case "copy":
            about = about[0]
    return f"{moment.at:9.3f} {moment.wall % 1e5:10.3f} {moment.process:4} {moment.what} {moment.which} {about or ''}"


if __name__ == "__main__":
    sys.exit(main())
