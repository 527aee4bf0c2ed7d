"""Jobs that expire deep in a backlog: `python -m tests.bench.expiry [--count N] [--validity S]`.

So many jobs of about 1.5 kB wait in RabbitMQ for a site that takes one message a second, and behind them the last ones, whose
validity ends soon. A job is known, and its expiry told on time, once a worker has looked at it: how long is it until the whole
backlog has been, and how late are the last ones told? Prints a table and writes `build/bench-expiry.json`.
"""

import argparse
import asyncio
import json
import sys
import time
from datetime import UTC, datetime

import uvloop
from rich.console import Console

from feedback.event import decode
from tests.bench.line import Course, place, posix
from tests.bench.rows import Row, tell
from worker.queue import Job
from worker.queue.rabbit import RabbitFeedback

LAST = 1000
"""Jobs that are to expire."""
LATE = 60.0
_BATCH = 5000


async def fill(course: Course, count: int) -> None:
    for start in range(0, count, _BATCH):
        await course.publish([course.job(number, "slow") for number in range(start, min(start + _BATCH, count))])


async def run(course: Course, count: int, validity: float) -> tuple[float, list[float]]:
    """Seconds from the worker's start until the last of `count` jobs was accepted; and how many seconds after its expiry each
    of the last ones, published before that start, was told to have expired."""
    await fill(course, count - LAST)
    expires_at = time.time() + validity
    await course.publish([_expiring(course.job(number, "slow"), expires_at) for number in range(count - LAST, count)])
    stream = RabbitFeedback(course.place.node.url, course.name)
    await stream.open()
    began = time.time()
    process = course.installation.start("worker")
    accepted, known, late = 0, 0.0, list[float]()
    try:
        while accepted < count or len(late) < LAST:
            messages = await asyncio.wait_for(stream.take(100), validity + LATE)
            for event in (event for message in messages for event in decode(message.body)):
                if event.event == "accepted":
                    accepted, known = accepted + 1, max(known, posix(event.at) - began)
                elif event.cause == "expired":
                    late.append(posix(event.at) - expires_at)
            await stream.done(messages)
        return known, late
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 60)
        await stream.close()


def _expiring(job: Job, at: float) -> Job:
    body = json.loads(job.body) | {"expires_at": datetime.fromtimestamp(at, UTC).isoformat()}
    return Job(body=json.dumps(body).encode(), routing_key=job.routing_key)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.expiry", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200_000, help="jobs (default 200000)")
    parser.add_argument("--validity", type=float, default=300.0, help="seconds, of the last ones (default 300)")
    options = parser.parse_args()
    console = Console(width=140)
    with place() as ground:
        course = Course(ground, {"slow": "1/s"})
        known, late = uvloop.run(run(course, options.count, options.validity))
    rows = [
        Row(
            f"{options.count} jobs of a site that takes 1/s, until one worker knew them all",
            f"{known:.0f} s, {options.count / known:.0f}/s", "-", True,
        ),
        Row(
            f"the last {LAST} of them, valid for {options.validity:g} s, were told to have expired",
            f"{min(late):.1f} to {max(late):.1f} s late", f"{LATE:g} s", min(late) >= -0.001 and max(late) <= LATE,
        ),
    ]  # fmt: skip
    tell(console, rows, "expiry")
    return 0 if all(row.held for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
