"""Deliveries' pages as one file to keep, send or print: without links, scripts, or anything from the network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.console.looks import STATIC, environment
from worker.console.views import chart
from worker.console.views.delivery import DeliveryPage, DeliveryRow

SHEETS = 20
"""Deliveries that have a sheet in one file, the newest; the others are in its first table."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One delivery: its page, and its messages by the milliseconds they took."""

    page: DeliveryPage
    spread: Mapping[int, int]


def paper(rows: Sequence[DeliveryRow], sheets: Sequence[Sheet], now: float) -> str:
    """The file. `rows`: all deliveries of the report; `sheets`: those told at length."""
    looks = "\n".join((STATIC / name).read_text("utf-8") for name in ("console.css", "paper.css"))
    told = [
        {
            "page": sheet.page,
            "stack": chart.stack(sheet.page.bins, sheet.page.step, now),
            "bars": chart.bars(sheet.page.bins, sheet.page.step, now),
            "waits": chart.spread(sheet.spread),
        }
        for sheet in sheets
    ]
    return environment().get_template("paper.html").render(rows=rows, sheets=told, now=now, looks=looks)
