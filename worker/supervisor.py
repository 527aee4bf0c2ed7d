"""Several worker processes under one: started together, a dead one replaced, all ended by one signal."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence

import structlog

_log = structlog.get_logger("worker.supervisor")

_PAUSE, _LONGEST = 1.0, 60.0
"""Seconds before a worker that died is replaced: doubled each time that it did not live as long as the longest."""


async def supervise(command: Sequence[str], environments: Sequence[Mapping[str, str]]) -> None:
    """Keep a child running `command` (arguments after the interpreter) for each of `environments`, which is added to our own,
    until SIGTERM or SIGINT, which they are told in turn; returns when all have ended."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as children:
        for environment in environments:
            children.create_task(_keep(command, environment, stop))


async def _keep(command: Sequence[str], environment: Mapping[str, str], stop: asyncio.Event) -> None:
    clock, pause = asyncio.get_running_loop().time, _PAUSE
    while not stop.is_set():
        began = clock()
        child = await asyncio.create_subprocess_exec(sys.executable, *command, env=os.environ | environment)
        code = await _ended(child, stop)
        if not stop.is_set():
            pause = _PAUSE if clock() - began > _LONGEST else pause
            _log.error("worker_died", pid=child.pid, code=code, again_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
            pause = min(2 * pause, _LONGEST)


async def _ended(child: asyncio.subprocess.Process, stop: asyncio.Event) -> int:
    ending, told = asyncio.create_task(child.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait([ending, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if not ending.done():
        child.send_signal(signal.SIGTERM)
    return await ending
