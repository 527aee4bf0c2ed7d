"""A worker before a mountain of mail: `python -m tests.bench.backlog [--count N] [--seconds N]`.

So many jobs of about 1.5 kB wait in RabbitMQ, for 40 sites, every other of which takes one message a second. How long is it
from the worker's start until the first message is sent, and how much memory has it taken after a while of work? Prints a
table and writes `build/bench-backlog.json`. A million jobs take about 4 GB of disk in the system's temporary folder.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import uvloop
from rich.console import Console

from feedback.event import decode
from tests.bench.line import Course, place
from tests.bench.rows import Row, tell
from worker.queue.rabbit import RabbitFeedback

SITES = 40
START, MEMORY = 5.0, 250.0
_BATCH = 10_000
_OCTETS_A_JOB = 4000


async def fill(course: Course, count: int, console: Console) -> None:
    """Publish the mountain, the sites in turn."""
    for start in range(0, count, _BATCH):
        numbers = range(start, min(start + _BATCH, count))
        await course.publish([course.job(number, f"s{number % SITES}", size=1100) for number in numbers])
        if start % (10 * _BATCH) == 0:
            console.print(f"{start + len(numbers)} of {count} published", highlight=False)


async def watch(course: Course, seconds: float) -> tuple[float, float, int]:
    """Seconds until the first message was sent, the worker's greatest resident memory in MB, and what it has sent."""
    stream = RabbitFeedback(course.place.node.url, course.name)
    await stream.open()
    began = time.time()
    process = course.installation.start("worker")
    first, sent = 0.0, 0
    try:
        while time.time() < began + seconds or not first:
            messages = await asyncio.wait_for(stream.take(100), 60)
            for event in (event for message in messages for event in decode(message.body)):
                if event.event == "sent":
                    first = first or time.time() - began
                    sent += 1
            await stream.done(messages)
        return first, _peak(process.pid), sent
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 60)
        await stream.close()


def _peak(pid: int) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.backlog", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="jobs (default 1000000)")
    parser.add_argument("--seconds", type=int, default=60, help="of work, after which memory is read (default 60)")
    options = parser.parse_args()
    console = Console(width=140)
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < options.count * _OCTETS_A_JOB + 2**30:
        console.print(f"{tempfile.gettempdir()} has {free / 2**30:.0f} GB, which is too little")
        return 2
    os.nice(5)
    with place() as ground:
        course = Course(ground, {f"s{number}": "1/s" if number % 2 else None for number in range(SITES)})
        uvloop.run(fill(course, options.count, console))
        first, peak, sent = uvloop.run(watch(course, options.seconds))
    rows = [
        Row(f"before {options.count} jobs, until the first is sent", f"{first:.1f} s", f"{START:g} s", first <= START),
        Row(f"memory after {sent} sent in {options.seconds} s", f"{peak:.0f} MB", f"{MEMORY:g} MB", peak <= MEMORY),
    ]
    tell(console, rows, "backlog")
    return 0 if all(row.held for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
