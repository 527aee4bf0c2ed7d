"""`campaign-mta simulate`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from worker.command.progress import progress
from worker.settings import BadSettings
from worker.simulation import BadScenario, simulate
from worker.simulation.scenario import read


def run(file: Path, controllers: Sequence[str], json: bool) -> int:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise BadSettings([f"{file}: cannot be read: {fault}"]) from None
    try:
        with progress("simulating", read(text).messages * (1 + len(controllers))) as bar:
            found = simulate(text, controllers, _summed(bar))
    except BadScenario as fault:
        raise BadSettings([f"{file}: {line}" for line in str(fault).splitlines()]) from None
    if json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _show(found)
    return 0


def _summed(bar: Any) -> Any:
    """Progress over all controllers, one after the other."""
    settled: dict[str, int] = {}

    def tell(name: str, count: int) -> None:
        settled[name] = count
        bar(sum(settled.values()))

    return tell


def _show(found: list[dict[str, Any]]) -> None:
    table = Table(
        "controller", "site", "delivered", "unfinished", "throttled", "finish", "slowdown", "peak connections"
    )
    for one in found:
        for site, figures in [("total", one["total"]), *one["sites"].items()]:
            table.add_row(
                one["controller"] if site == "total" else "",
                site,
                f"{figures['delivered']:,}",
                f"{figures['unfinished']:,}",
                f"{100 * figures['throttled_share']:.2f} %",
                f"{figures['finish_s']:,.0f} s",
                f"{figures['slowdown']:.2f}",
                f"{figures['peak_connections']:,}",
            )
        table.add_section()
    Console().print(table)
