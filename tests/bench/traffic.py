"""How the controllers do in the scenarios of tests/simulation: `python -m tests.bench.traffic [SCENARIO ...]`.

Prints a table (`--markdown`: as the paper has it) and writes build/bench-traffic.json. Virtual time: the figures are the
same on every machine.
"""

import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from worker.simulation.figures import Result
from worker.simulation.run import CONTROLLERS, results, second_wave
from worker.simulation.scenario import read

SCENARIOS = Path(__file__).parents[1] / "simulation"
BUILD = Path(__file__).parents[2] / "build"
SECOND = "adaptive, second wave"
DAY = 86400.0
COLUMNS = ("scenario", "controller", "slowdown", "throttled", "delivered", "blocks")


def rows(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One row for each scenario and controller, and one for the adaptive one's next day."""
    for name in names:
        scenario = read((SCENARIOS / f"{name}.toml").read_text(encoding="utf-8"))
        for outcome in results(scenario, CONTROLLERS):
            yield _row(name, outcome.controller, outcome)
        yield _row(name, SECOND, second_wave(scenario, DAY))


def _row(scenario: str, controller: str, outcome: Result) -> dict[str, Any]:
    total = outcome.total
    return {
        "scenario": scenario,
        "controller": controller,
        "slowdown": round(total.slowdown, 4),
        "throttled_share": round(total.throttled_share, 6),
        "blocks": total.blocks,
        "delivered_share": round(total.delivered / total.messages, 4),
        "unfinished": total.messages - total.delivered - total.bounced,
        "worst_site_slowdown": round(max(site.slowdown for site in outcome.sites.values()), 4),
    }


def _cells(row: dict[str, Any]) -> list[str]:
    unfinished = " (unfinished)" if row["unfinished"] else ""
    return [
        row["scenario"],
        row["controller"],
        f"{row['slowdown']:.3f}{unfinished}",
        f"{row['throttled_share']:.2%}",
        f"{row['delivered_share']:.1%}",
        str(row["blocks"]),
    ]


def summary(found: Sequence[dict[str, Any]], controller: str) -> dict[str, float]:
    """Over all scenarios, for one controller."""
    own = [row for row in found if row["controller"] == controller]
    return {
        "slowdown_median": statistics.median(row["slowdown"] for row in own),
        "slowdown_worst": max(row["slowdown"] for row in own),
        "throttled_median": statistics.median(row["throttled_share"] for row in own),
        "throttled_worst": max(row["throttled_share"] for row in own),
        "blocks": sum(row["blocks"] for row in own),
    }


def main(arguments: Sequence[str]) -> None:
    markdown = "--markdown" in arguments
    names = [name for name in arguments if name != "--markdown"] or sorted(p.stem for p in SCENARIOS.glob("*.toml"))
    found = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("simulating", total=len(names) * (len(CONTROLLERS) + 1))
        for row in rows(names):
            found.append(row)
            progress.advance(task)
    summaries = {name: summary(found, name) for name in (*CONTROLLERS, SECOND)}
    BUILD.mkdir(exist_ok=True)
    text = json.dumps({"scenarios": found, "summaries": summaries}, indent=1)
    (BUILD / "bench-traffic.json").write_text(text + "\n", encoding="utf-8")
    if markdown:
        _print_markdown(found)
    else:
        _print_table(found, summaries)


def _print_markdown(found: Sequence[dict[str, Any]]) -> None:
    print("| " + " | ".join(COLUMNS) + " |")
    print("|---|---|--:|--:|--:|--:|")
    for row in found:
        print("| " + " | ".join(_cells(row)) + " |")


def _print_table(found: Sequence[dict[str, Any]], summaries: dict[str, dict[str, float]]) -> None:
    table = Table(*COLUMNS)
    for row in found:
        table.add_row(*_cells(row), end_section=row["controller"] == SECOND)
    Console().print(table)
    for name, total in summaries.items():
        slow, refused = (
            (total["slowdown_median"], total["slowdown_worst"]),
            (total["throttled_median"], total["throttled_worst"]),
        )
        print(
            f"{name}: slowdown median {slow[0]:.3f}, worst {slow[1]:.3f}; "
            f"throttled median {refused[0]:.2%}, worst {refused[1]:.2%}; blocks {total['blocks']:.0f}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
