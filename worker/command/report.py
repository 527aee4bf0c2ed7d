"""`campaign-mta report`."""

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from feedback.store import StoreAway
from feedback.tracker import table
from feedback.tracker.figures import Figures, figures
from feedback.tracker.wait import by_domain, together
from worker import adapters
from worker.command.away import say_away
from worker.command.console import complete
from worker.command.show import show
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
        if html is not None:
            page = asyncio.run(_paper(settings, name))
            return _unheard(name) if page is None else _write(html, page)
        found = asyncio.run(_figures(settings, name))
    except StoreAway as fault:
        return say_away(fault)
    if not found:
        _unheard(name)
    if json:
        print(msgspec.json.encode(found).decode())
    elif found:
        show(table.report(found))
    return 0


def _unheard(name: str | None) -> int:
    which = "any delivery" if name is None else f"delivery {name!r}"
    print(f"nothing has been heard of {which} yet; is the tracker running?", file=sys.stderr)
    return 1


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


async def _paper(settings: Settings, name: str | None) -> str | None:
    """The report as one file; None: there is nothing to report of."""
    from worker.console.paper import SHEETS, paper

    now = time.time()
    async with adapters.opened(adapters.records(settings)) as records:
        found = [of for of in delivery.sums(await records.standings()) if name in (None, of.delivery_id)]
        went = {of.delivery_id: course(await records.beats(of.delivery_id), now) for of in found}
        rows = delivery.listed([delivery.row(of, went[of.delivery_id], now) for of in found])
        sheets = [await _sheet(records, row.delivery_id, went[row.delivery_id], now) for row in rows[:SHEETS]]
    return paper(rows, sheets, now) if rows else None


async def _sheet(records: Records, name: str, went: Course, now: float) -> "Sheet":
    from worker.console.paper import Sheet

    cells, waits = await records.cells(name), await records.waits(name)
    [of] = figures(cells)
    page = delivery.page(delivery.Told(of, cells, went, None, 0.0, waits), now)
    return Sheet(page, together(by_domain(waits).values()))
