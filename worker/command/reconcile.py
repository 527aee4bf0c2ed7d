"""`campaign-mta reconcile`."""

import asyncio
import sys

import msgspec
from rich.console import Console
from rich.table import Table

from feedback.log import Tally
from feedback.store import StoreAway
from feedback.tracker.reconciliation import Discrepancy, reconcile
from worker import adapters
from worker.command.away import say_away
from worker.command.show import show
from worker.settings import Settings


def run(settings: Settings, delivery: str | None, json: bool) -> int:
    try:
        tallies, broken = asyncio.run(_compare(settings, delivery))
    except StoreAway as fault:
        return say_away(fault)
    unknown = not tallies and not broken
    if unknown:
        of = "" if delivery is None else f"delivery {delivery!r} is not known: "
        print(f"{of}no job {'of it ' if of else ''}has been accepted yet", file=sys.stderr)
    if json:
        print(msgspec.json.encode({"deliveries": tallies, "broken": broken}).decode())
    elif not unknown:
        _show(tallies, broken)
    return 1 if broken else 0


async def _compare(settings: Settings, delivery: str | None) -> tuple[list[Tally], list[Discrepancy]]:
    log, tracker = adapters.delivery_log(settings, adapters.worker_name(settings)), adapters.tracker(settings)
    async with adapters.opened(log), adapters.opened(tracker):
        broken = [discrepancy async for discrepancy in reconcile(log, tracker, delivery)]
        if broken:  # by what is being sent at the moment, perhaps
            await _a_moment()
            before = set(broken)
            broken = [again async for again in reconcile(log, tracker, delivery) if again in before]
        return await log.tally(delivery), broken


async def _a_moment() -> None:
    """In which a tracker that works hears what the log knew before: what still differs then is wrong, or it is far behind."""
    await asyncio.sleep(3.0)


def _show(tallies: list[Tally], broken: list[Discrepancy]) -> None:
    sums = Table("delivery", "accepted", "sent", "failed", "cancelled", "in flight")
    for tally in tallies:
        counts = (tally.accepted, tally.sent, tally.failed, tally.cancelled, tally.in_flight)
        sums.add_row(tally.delivery_id, *(f"{count:,}" for count in counts))
    show(sums)
    console = Console()
    for one in broken:
        console.print(
            f"{one.job_id}: {one.words} (log: {one.log}, tracker: {one.tracker})", highlight=False, markup=False
        )
    console.print(f"{len(broken)} jobs break the sum" if broken else "every job is accounted for")
