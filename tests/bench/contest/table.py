"""The race's results: medians over the rounds, as a table for people and rows for `build/bench.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.contest.contestant import Contestant
from tests.bench.contest.load import Load
from tests.bench.contest.race import Failed, Result


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant on one course, over all rounds."""

    contestant: Contestant
    load: Load
    results: Sequence[Result | Failed]

    @property
    def good(self) -> list[Result]:
        return [result for result in self.results if isinstance(result, Result)]

    @property
    def why(self) -> str | None:
        """Why a round has no figure, if one has none."""
        return next((result.why for result in self.results if isinstance(result, Failed)), None)

    def median(self, name: str) -> float:
        return median(getattr(result, name) for result in self.good)

    @property
    def all_ms(self) -> float:
        return median(result.cpu_ms + result.backing_ms for result in self.good)

    def json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "contestant": self.contestant.name,
            "size": self.load.size,
            "domains": self.load.domains,
            "signed": self.contestant.signed,
            "count": self.load.count,
            "durable": self.contestant.durable,
            "why_not": self.why,
        }
        if not self.good:
            return told | dict.fromkeys(("rate", "cpu_ms", "cpu_ms_all", "peak_mb"))
        rates = [result.rate for result in self.good]
        return told | {
            "rate": round(median(rates), 1),
            "rate_lowest": round(min(rates), 1),
            "rate_highest": round(max(rates), 1),
            "cpu_ms": round(self.median("cpu_ms"), 3),
            "cpu_ms_all": round(self.all_ms, 3),
            "feeding_ms": round(self.median("feeding_ms"), 3),
            "sink_ms": round(self.median("sink_ms"), 3),
            "peak_mb": round(self.median("peak_mb"), 1),
            "peak_mb_all": round(self.median("peak_mb_all"), 1),
            "others": round(self.median("others"), 3),
            "rounds": len(self.good),
        }


def brief(result: Result | Failed) -> str:
    """For a line that tells how far a benchmark has come."""
    return (
        f"{result.rate:.0f}/s at {result.cpu_ms:.2f} ms"
        if isinstance(result, Result)
        else f"no figure: {result.why.strip()[-200:]}"
    )


def show(console: Console, rows: Sequence[Row], rounds: int) -> None:
    for load in dict.fromkeys(row.load for row in rows):
        course = [row for row in rows if row.load == load]
        console.print(_course(load, course, rounds))
        for row in course:
            if row.why:
                console.print(f"{row.contestant.name}: {row.why}", markup=False, highlight=False)
        console.print()
    console.print(
        "CPU in ms per mail: the contestant's own processes; with broker and store; of what fed it; of the receiver. "
        "Memory is proportional\nset size. Others: the share of the machine that went to processes outside the race.\n"
    )
    durable = {row.contestant.name: row.contestant.durable for row in rows}
    console.print("On disk before a mail is acknowledged to whoever handed it over:")
    for name, what in durable.items():
        console.print(f"  {name}: {what}", highlight=False)


def _course(load: Load, rows: Sequence[Row], rounds: int) -> Table:
    towards = "one destination" if load.domains == 1 else f"{load.domains} destinations"
    title = f"{load.count:,} mails of {load.size // 1000} kB to {towards}, medians of {rounds}"
    table = Table(title=title, box=box.SIMPLE, title_justify="left")
    best = max((row.median("rate") for row in rows if row.good and _signing_peer(row)), default=None)
    for name in ("", "signed", "mails/s", "lowest-highest", "to best peer", "CPU ms", "with broker, store", "feeding", "sink", "peak MB", "with all", "others"):  # fmt: skip
        table.add_column(name, justify="left" if name in ("", "signed") else "right")
    for row in rows:
        table.add_row(row.contestant.name, "RSA-2048" if row.contestant.signed else "no", *_figures(row, best))
    return table


def _figures(row: Row, best: float | None) -> list[str]:
    if not row.good:
        return ["no figure"]
    rates = [result.rate for result in row.good]
    return [
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f}-{max(rates):,.0f}",
        f"{median(rates) / best:.2f}" if best else "",
        f"{row.median('cpu_ms'):.2f}",
        f"{row.all_ms:.2f}",
        f"{row.median('feeding_ms'):.2f}",
        f"{row.median('sink_ms'):.2f}",
        f"{row.median('peak_mb'):,.0f}",
        f"{row.median('peak_mb_all'):,.0f}",
        f"{row.median('others'):.0%}",
    ]


def _signing_peer(row: Row) -> bool:
    return row.contestant.signed and not row.contestant.name.startswith("campaign-mta")


def rows(contestants: Sequence[Contestant], courses: Sequence[Load], results: Mapping[str, Sequence[Sequence[Result | Failed]]]) -> list[Row]:  # fmt: skip
    """`results` has, by contestant, for each round a result for each course."""
    return [
        Row(each, load, [turn[place] for turn in results[each.name]])
        for place, load in enumerate(courses)
        for each in contestants
    ]
