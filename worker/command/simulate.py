"""`campaign-mta simulate`."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from worker.command.progress import progress
from worker.command.scenario import scenario_of
from worker.settings import BadSettings
from worker.simulation import BadScenario, simulate
from worker.simulation.engine import Engine
from worker.simulation.run import Watch
from worker.simulation.trace import Trace


def run(file: Path, controllers: Sequence[str], json: bool, plot: Path | None = None) -> int:
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise BadSettings(["--plot needs matplotlib; install it with: pip install 'campaign-mta[plot]'"])
    messages = scenario_of(file).messages
    traces: list[Trace] = []
    try:
        with progress("simulating", messages * (1 + len(controllers))) as bar:
            found = simulate(
                file.read_text(encoding="utf-8"),
                controllers,
                _summed(bar),
                _followed(traces) if plot else _not_followed,
            )
    except BadScenario as bad:
        raise BadSettings([f"{file}: {fault}" for fault in bad.faults]) from None
    if json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        _show(found)
    return 0 if plot is None else _draw(traces, file, plot)


def _followed(traces: list[Trace]) -> Watch:
    def follow(name: str, engine: Engine) -> None:
        traces.append(Trace(name))
        traces[-1].follow(engine)

    return follow


def _not_followed(name: str, engine: Engine) -> None:
    """Nobody wants a picture."""


def _draw(traces: list[Trace], file: Path, plot: Path) -> int:
    from worker.simulation.plot import draw

    try:
        draw(traces, file.stem, plot)
    except (OSError, ValueError) as fault:
        print(f"{plot}: cannot be drawn: {fault}", file=sys.stderr)
        return 1
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
