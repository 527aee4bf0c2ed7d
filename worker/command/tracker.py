"""`campaign-mta tracker`."""

import asyncio
import signal

import structlog
import uvloop

from feedback.store import StoreAway
from feedback.tracker import consume
from worker import adapters
from worker.command.away import say_away
from worker.outage import Outage
from worker.settings import Settings

_log = structlog.get_logger("worker.tracker")


def run(settings: Settings) -> int:
    uvloop.run(_run(settings))
    return 0


def recount(settings: Settings) -> int:
    try:
        asyncio.run(_recount(settings))
    except StoreAway as fault:
        return say_away(fault, "nothing was counted")
    return 0


async def _recount(settings: Settings) -> None:
    async with adapters.opened(adapters.tracker(settings)) as tracker:
        await tracker.recount()


async def _run(settings: Settings) -> None:
    tracking = asyncio.create_task(track(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, tracking.cancel)
    await asyncio.wait([tracking])
    if not tracking.cancelled() and (fault := tracking.exception()):
        raise fault


async def track(settings: Settings) -> None:
    """Be the tracker until cancelled, through any absence of broker or store."""
    outage = Outage()
    stream, tracker = adapters.feedback_stream(settings), adapters.tracker(settings)
    try:
        await outage.outlast(tracker.open)
        await outage.outlast(stream.open)
        _log.info("tracking")
        while True:
            await outage.outlast(lambda: consume(stream, tracker))
    finally:
        await stream.close()
        await tracker.close()
        _log.info("stopped")
