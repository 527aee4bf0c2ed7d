"""`campaign-mta report`."""

import asyncio
import sys

import msgspec
from rich.console import Console

from feedback.store import StoreAway
from feedback.tracker import table
from feedback.tracker.figures import Figures
from worker import adapters
from worker.settings import Settings


def run(settings: Settings, delivery: str | None, json: bool) -> int:
    try:
        figures = asyncio.run(_figures(settings, delivery))
    except StoreAway as fault:
        print(f"the store cannot be reached: {fault}", file=sys.stderr)
        return 1
    if delivery is not None and not figures:
        print(f"nothing has been heard of delivery {delivery!r} yet; is the tracker running?", file=sys.stderr)
    if json:
        print(msgspec.json.encode(figures).decode())
    else:
        Console().print(table.report(figures))
    return 0


async def _figures(settings: Settings, delivery: str | None) -> list[Figures]:
    async with adapters.opened(adapters.tracker(settings)) as tracker:
        return await tracker.report(delivery)
