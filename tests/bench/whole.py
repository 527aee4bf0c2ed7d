"""Whole MTAs side by side on this machine, this worker among them: `python -m tests.bench.whole --help`.

Each contestant has its turn in each round, alone on the machine but for the receiver (Debian's smtp-sink) and whoever feeds
it. A turn begins with mails whose signatures are verified. Then, on each course, the clock runs from the first mail handed
over (by smtp-source, or published to the broker) until the last is at the receiver; processor time is counted on until the
contestant has nothing more to do. All of it happens in a network that has only loopback, when the machine lets us have one.
"""

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from rich.console import Console

from tests.bench.contest import cost, exim, haraka, marks, ours, postfix, table, where
from tests.bench.contest.contestant import Contestant
from tests.bench.contest.load import DOMAINS, Load
from tests.bench.contest.loopback import own_network
from tests.bench.contest.race import Failed, Place, Result, place, turn

_ROOT = Path(__file__).parents[2]
_TOOLS = _ROOT / "build" / "bench-tools"
_MOST = 20_000

CONTESTANTS = (
    Contestant("campaign-mta", True, ours.DURABLE, ours.processes(1)),
    Contestant("campaign-mta-2", True, ours.DURABLE, ours.processes(2)),
    Contestant("campaign-mta-embedded", True, ours.EMBEDDED, ours.embedded),
    Contestant("postfix", False, postfix.DURABLE, postfix.unsigned),
    Contestant("postfix-opendkim", True, postfix.DURABLE, postfix.with_opendkim),
    Contestant("postfix-rspamd", True, postfix.DURABLE, postfix.with_rspamd),
    Contestant("exim", True, exim.DURABLE, exim.own_dkim),
    Contestant("haraka", True, haraka.DURABLE, haraka.own_dkim),
)


def main() -> None:
    options = _options()
    contestants = [each for each in CONTESTANTS if each.name in options.contestants]
    courses = [Load(options.count, size, domains) for size in options.sizes for domains in options.domains]
    console = Console(width=165)
    subprocess.run([_ROOT / "tests" / "bench" / "contest" / "install", _TOOLS], check=True)
    alone = own_network()
    with place(_TOOLS, alone) as ground:
        rows, signature = _race(console, contestants, courses, options.rounds, ground)
        parts = where.measure(ground, courses[0]) if options.profile else None
    table.show(console, rows, options.rounds)
    found = marks.marks(rows, signature)
    marks.show(console, found, signature)
    if parts is not None:
        where.show(console, parts)
    _write(rows, found, signature, parts, alone)


def _race(
    console: Console, contestants: Sequence[Contestant], courses: Sequence[Load], rounds: int, ground: Place
) -> tuple[list[table.Row], float]:
    """The rows, and the microseconds that a bare signature took, measured before each round."""
    results: dict[str, list[list[Result | Failed]]] = {each.name: [] for each in contestants}
    signatures = []
    for number in range(rounds):
        signatures.append(where.bare_signature())
        for each in contestants:
            began = time.monotonic()
            results[each.name].append(turn(each, ground, courses))
            said = ", ".join(table.brief(result) for result in results[each.name][-1])
            took = time.monotonic() - began
            console.print(f"round {number + 1} of {rounds}, {each.name}: {said} ({took:.0f} s)", markup=False)
    return table.rows(contestants, courses, results), median(signatures)


def _write(
    rows: Sequence[table.Row],
    found: Sequence[marks.Mark],
    signature: float,
    parts: where.Where | Failed | None,
    alone: bool,
) -> None:
    told = {
        "rows": [row.json() for row in rows],
        "marks": [asdict(mark) for mark in found],
        "bare_signature_us": round(signature, 1),
        "where": parts.json() if isinstance(parts, where.Where) else None,
        "machine": {"system": platform.platform(), "python": platform.python_version(), "cores": cost.cores()},
        "own_network": alone,
        "counted_by": "kernel" if cost.kernel_counts() else "process tree",
    }
    (_ROOT / "build").mkdir(exist_ok=True)
    (_ROOT / "build" / "bench.json").write_text(json.dumps(told, indent=1) + "\n")


def _options() -> argparse.Namespace:
    names = [each.name for each in CONTESTANTS]
    parser = argparse.ArgumentParser(prog="python -m tests.bench.whole", description=__doc__.partition("\n")[0])
    parser.add_argument("--contestants", type=_names, default=names, metavar="A,B", help=", ".join(names))
    parser.add_argument(
        "--count", type=int, default=4000, help=f"mails in a run; a multiple of {DOMAINS} (default 4000)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant (default 3)")
    parser.add_argument("--sizes", type=_numbers, default=[10_000, 50_000], metavar="N,N", help="octets of a mail")
    parser.add_argument("--domains", type=_numbers, default=[1, DOMAINS], metavar="N,N", help=f"1, {DOMAINS} or both")
    parser.add_argument("--quick", action="store_true", help="one round of 1,000 mails of 10 kB")
    parser.add_argument("--profile", action="store_true", help="also show where the worker's time goes")
    options = parser.parse_args()
    if options.quick:
        options.count, options.rounds, options.sizes = 1000, 1, [10_000]
    if unknown := set(options.contestants) - set(names):
        parser.error(f"unknown contestants: {', '.join(sorted(unknown))}")
    if not 0 < options.count <= _MOST or options.count % DOMAINS or not set(options.domains) <= {1, DOMAINS}:
        parser.error(f"--count is a multiple of {DOMAINS} up to {_MOST}; --domains are of 1 and {DOMAINS}")
    return options


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
