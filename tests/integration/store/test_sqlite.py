"""The one connection to an embedded store, and the thread that it has."""

import asyncio
import threading
from pathlib import Path

import pytest

from feedback.store.sqlite import Sqlite


async def gone(threads: set[threading.Thread]) -> None:
    """Waits until they have ended."""
    async with asyncio.timeout(10):
        while any(thread.is_alive() for thread in threads):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("steps", range(1, 12))
async def test_an_opening_that_is_given_up_leaves_no_thread_behind(tmp_path: Path, steps: int) -> None:
    before = set(threading.enumerate())
    store = Sqlite(tmp_path / "store.db")
    opening = asyncio.create_task(store.open())
    for _ in range(steps):
        await asyncio.sleep(0.001)
    opening.cancel()
    await asyncio.wait([opening])
    await store.close()
    await gone(set(threading.enumerate()) - before)
