"""Several worker processes under one: started together, a dead one replaced, all ended by one signal."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

import structlog

_log = structlog.get_logger("worker.supervisor")

_PAUSE = 1.0
"""Seconds before a worker that died is replaced."""


async def supervise(command: Sequence[str], processes: int) -> None:
    """Keep `processes` children running `command` (arguments after the interpreter) until SIGTERM or SIGINT, which they
    are told in turn; returns when all have ended."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as children:
        for _ in range(processes):
            children.create_task(_keep(command, stop))


async def _keep(command: Sequence[str], stop: asyncio.Event) -> None:
    while not stop.is_set():
        child = await asyncio.create_subprocess_exec(sys.executable, *command)
        code = await _ended(child, stop)
        if not stop.is_set():
            _log.error("worker_died", pid=child.pid, code=code)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PAUSE)


async def _ended(child: asyncio.subprocess.Process, stop: asyncio.Event) -> int:
    ending, told = asyncio.create_task(child.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait([ending, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not ending.done():
        child.send_signal(signal.SIGTERM)
    return await ending
