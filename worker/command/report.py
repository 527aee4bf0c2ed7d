"""`campaign-mta report`."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from feedback.store import StoreAway
from feedback.tracker import table
from feedback.tracker.figures import Figures
from feedback.tracker.wait import by_domain, together
from worker import adapters
from worker.command.console import complete
from worker.console.records import Records
from worker.console.views import delivery
from worker.console.views.course import Course, course
from worker.settings import Settings

if TYPE_CHECKING:
    from worker.console.paper import Sheet


def run(settings: Settings, name: str | None, json: bool, html: Path | None) -> int:
    if html is not None and not complete("report --html"):
        return 1
    try:
        figures = asyncio.run(_figures(settings, name))
        page = asyncio.run(_paper(settings, figures)) if html is not None and figures else ""
    except StoreAway as fault:
        print(f"the store cannot be reached: {fault}", file=sys.stderr)
        return 1
    if name is not None and not figures:
        print(f"nothing has been heard of delivery {name!r} yet; is the tracker running?", file=sys.stderr)
    if html is not None:
        return _write(html, page) if figures else 1
    if json:
        print(msgspec.json.encode(figures).decode())
    else:
        Console().print(table.report(figures))
    return 0


def _write(file: Path, text: str) -> int:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as fault:
        print(f"{file} cannot be written: {fault.strerror}", file=sys.stderr)
        return 1
    return 0


async def _figures(settings: Settings, delivery: str | None) -> list[Figures]:
    async with adapters.opened(adapters.tracker(settings)) as tracker:
        return await tracker.report(delivery)


async def _paper(settings: Settings, figures: Sequence[Figures]) -> str:
    """The report as one file."""
    from worker.console.paper import SHEETS, paper

    now = time.time()
    async with adapters.opened(adapters.records(settings)) as records:
        went = {of.delivery_id: course(await records.beats(of.delivery_id), now) for of in figures}
        rows = delivery.listed([delivery.row(of, went[of.delivery_id], now) for of in figures])
        wanted = {row.delivery_id: row for row in rows[:SHEETS]}
        by_name = {of.delivery_id: of for of in figures}
        sheets = [await _sheet(records, by_name[name], went[name], now) for name in wanted]
    return paper(rows, sheets, now)


async def _sheet(records: Records, of: Figures, went: Course, now: float) -> "Sheet":
    from worker.console.paper import Sheet

    cells, waits = await records.cells(of.delivery_id), await records.waits(of.delivery_id)
    page = delivery.page(delivery.Told(of, cells, went, None, 0.0, waits), now)
    return Sheet(page, together(by_domain(waits).values()))
