"""How the controllers do in the scenarios of tests/simulation: `python -m tests.bench.traffic [SCENARIO ...]`.

Prints a table, and where the adaptive controller does not beat a baseline by as much as it should (`--markdown`: as the
paper has them), and writes build/bench-traffic.json. Virtual time: the figures are the same on every machine. While it
runs, every grant is held against the limits it was made from.
"""

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mta.traffic.rule import Rule
from mta.traffic.shares import Account
from worker.simulation.adaptive import Adaptive
from worker.simulation.engine import Engine
from worker.simulation.figures import Result
from worker.simulation.run import CONTROLLERS, UNKNOWN_SITE, results, second_wave
from worker.simulation.scenario import read

SCENARIOS = Path(__file__).parents[1] / "simulation"
BUILD = Path(__file__).parents[2] / "build"
SECOND = "adaptive, second wave"
DAY = 86400.0
VAST = {"multitude"}
"""Scenarios for the adaptive controller alone."""
TIMES = 5.0
"""How many times as often as the adaptive controller a baseline should be refused."""
SHORT = 0.005
"""The share of messages that a wave may deliver less and still count as finished alike."""
COLUMNS = ("scenario", "controller", "slowdown", "throttled", "delivered", "blocks")


def rows(names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """One row for each scenario and controller, and one for the adaptive one's next day."""
    for name in names:
        scenario = read((SCENARIOS / f"{name}.toml").read_text(encoding="utf-8"))
        grants = Grants()
        vast = name in VAST
        for outcome in results(scenario, ["adaptive"] if vast else CONTROLLERS, watch=grants.watch):
            told = {"grants": grants.made, "over": grants.over} if outcome.controller == "adaptive" else {}
            yield _row(name, outcome.controller, outcome) | told
        if not vast:
            yield _row(name, SECOND, second_wave(scenario, DAY))


@dataclass
class Grants:
    """How many grants were made, and how many of them over what the other leases left of the lane's limits."""

    made: int = 0
    over: int = 0
    _rule: Callable[[str], Rule] = lambda name: UNKNOWN_SITE

    def watch(self, name: str, engine: Engine) -> None:
        """Look on, where the engine is driven by leases at all."""
        if isinstance(engine.control, Adaptive):
            self._rule = engine.control.rule
            engine.control.watch = self._made

    def _made(self, now: float, lane: tuple[str, int], account: Account) -> None:
        leases = list(account.leases.values())
        if not leases or not leases[-1].window:
            return
        window, rate, _ = account.pace.limits(self._rule(lane[0]))
        self.made += 1
        rates = sum(lease.rate for lease in leases)
        self.over += sum(lease.window for lease in leases) > window or (leases[-1].rate > 0 and rates > rate + 0.001)


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


def shortfalls(found: Sequence[dict[str, Any]], baseline: str) -> list[str]:
    """Where the adaptive controller is not refused five times less often than a baseline at an equal or better finish, in
    words. A baseline that delivered less has not finished, however early it stopped."""
    own = {row["scenario"]: row for row in found if row["controller"] == "adaptive"}
    said = []
    for row in found:
        if row["controller"] != baseline:
            continue
        ours = own[row["scenario"]]
        less = row["delivered_share"] < ours["delivered_share"] - SHORT
        seldom = TIMES * ours["throttled_share"] <= row["throttled_share"]
        if not seldom or not (less or ours["slowdown"] <= row["slowdown"]):
            finish = (
                "unfinished" if less or row["unfinished"] else f"{row['slowdown'] / ours['slowdown']:.2f} x our time"
            )
            said.append(
                f"{row['scenario']}: refused {row['throttled_share']:.2%} to our {ours['throttled_share']:.2%}, {finish}"
            )
    return said


def main(arguments: Sequence[str]) -> None:
    markdown = "--markdown" in arguments
    names = [name for name in arguments if name != "--markdown"] or sorted(p.stem for p in SCENARIOS.glob("*.toml"))
    found: list[dict[str, Any]] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        total = sum(1 if name in VAST else len(CONTROLLERS) + 1 for name in names)
        task = progress.add_task("simulating", total=total)
        for row in rows(names):
            found.append(row)
            progress.advance(task)
    controllers = [name for name in (*CONTROLLERS, SECOND) if any(row["controller"] == name for row in found)]
    summaries = {name: summary(found, name) for name in controllers}
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
    _print_shortfalls(found, "\n- ")


def _print_shortfalls(found: Sequence[dict[str, Any]], bullet: str) -> None:
    for name in CONTROLLERS[1:]:
        many, said = sum(row["controller"] == name for row in found), shortfalls(found, name)
        head = f"against {name}: {TIMES:g} times fewer refusals at an equal or better finish in {many - len(said)} of {many}"
        print(bullet.join([f"\n{head}{'; not in' if said else ''}", *said]))


def _print_table(found: Sequence[dict[str, Any]], summaries: dict[str, dict[str, float]]) -> None:
    table = Table(*COLUMNS)
    for row in found:
        table.add_row(*_cells(row), end_section=row["controller"] == SECOND)
    Console().print(table)
    _print_shortfalls(found, "\n  ")
    made, over = (sum(row.get(key, 0) for row in found) for key in ("grants", "over"))
    print(f"\n{made:,} grants, {over} of them over the limits")
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
