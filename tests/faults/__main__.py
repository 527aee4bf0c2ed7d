"""Every fault in turn, and what became of the mail: `python -m tests.faults [--only WORDS] [--quick]`.

Prints a table, writes `build/faults.json`, and ends with 1 when a promise was broken.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import SubprocessError

from rich.console import Console
from rich.table import Table

from tests.faults.faults import FAULTS
from tests.faults.ground import Fault, Ground, ground
from tests.faults.oracle import Verdict

ROOT = Path(__file__).parents[2]
_FAILURES = (AssertionError, OSError, RuntimeError, SubprocessError, TimeoutError)
"""What a scene raises that does not come to its end."""


@dataclass(frozen=True)
class Row:
    fault: str
    transport: str
    verdict: Verdict | None
    seconds: float
    why: str = ""

    @property
    def held(self) -> bool:
        return self.verdict is not None and not self.verdict.breaches

    def json(self) -> dict[str, object]:
        counts = asdict(self.verdict) if self.verdict is not None else {}
        breaches = list(counts.pop("breaches", ())) or ([self.why] if self.why else [])
        return {
            "fault": self.fault, "transport": self.transport, **counts,
            "held": self.held, "seconds": round(self.seconds, 1), "breaches": breaches,
        }  # fmt: skip


def run(here: Ground, number: int, fault: Fault, transport: str) -> Row:
    """One fault on one transport."""
    began = time.monotonic()
    try:
        with here.scene(f"f{number}", transport) as scene:
            fault.run(here, scene)
            verdict = scene.verdict()
    except _FAILURES as failure:
        return Row(fault.words, transport, None, time.monotonic() - began, str(failure))
    return Row(fault.words, transport, verdict, time.monotonic() - began)


def _rows(console: Console, only: str, quick: bool) -> Iterator[Row]:
    wanted = [
        (fault, transport)
        for fault in FAULTS
        for transport in fault.transports
        if any(words in f"{fault.words}, {transport}" for words in only.split("|"))
        and (transport in fault.quick or not quick)
    ]
    with ground() as here:
        for number, (fault, transport) in enumerate(wanted):
            row = run(here, number, fault, transport)
            said = "held" if row.held else row.why or "; ".join(row.verdict.breaches[:5] if row.verdict else ())
            console.print(
                f"[{number + 1}/{len(wanted)}] {fault.words}, {transport}: {said} ({row.seconds:.1f} s)",
                markup=False, highlight=False,
            )  # fmt: skip
            yield row


def _table(rows: list[Row]) -> Table:
    table = Table("fault", "transport")
    for name in ("jobs", "delivered", "lost", "duplicates", "doubt window", "final events", "held"):
        table.add_column(name, justify="right")
    for row in rows:
        verdict = row.verdict
        counts = ["-"] * 6
        if verdict is not None:
            numbers = (verdict.jobs, verdict.delivered, verdict.lost, verdict.duplicates, verdict.doubt_window)
            counts = [str(number) for number in (*numbers, verdict.final_events)]
        table.add_row(row.fault, row.transport, *counts, "yes" if row.held else "NO")
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", default="", metavar="WORDS", help="faults whose line has these words, or, behind a |, those"
    )
    parser.add_argument("--quick", action="store_true", help="the few that `make test` runs")
    options = parser.parse_args()
    console = Console(width=160)
    rows = list(_rows(console, options.only, options.quick))
    console.print(_table(rows))
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "faults.json").write_text(json.dumps({"rows": [row.json() for row in rows]}, indent=1) + "\n")
    return 0 if all(row.held for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
