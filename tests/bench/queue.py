"""How fast each queue adapter is by itself: `python -m tests.bench.queue [messages]`.

Messages of 10 kB are published in batches, taken with up to 100 in hand and finished a little out of turn, and every tenth
is parked on the way; the last row publishes small feedback messages, 50 at a time. CPU is this process's alone.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from tests.services.rabbitmq import private_rabbitmq
from worker.queue import Job, JobPublisher, JobQueue, Ticket
from worker.queue.rabbit import RabbitPublisher, RabbitQueue
from worker.queue.sqlite import SqlitePublisher, SqliteQueue

BODY = b"x" * 10_000


async def publish(publisher: JobPublisher, count: int) -> None:
    jobs = [Job(body=BODY, routing_key=f"bulk.d{number % 200}.example") for number in range(200)]
    for _ in range(count // 200):
        await publisher.publish(jobs)


async def drain(queue: JobQueue, count: int, share_parked: float) -> None:
    dice = random.Random(1)
    in_hand: list[Ticket] = []
    taken = 0
    while taken < count or in_hand:
        if taken < count:
            tickets = await queue.take(transactional=False, limit=100)
            taken += len(tickets)
            in_hand += tickets
        dice.shuffle(in_hand)
        finished, in_hand = in_hand[:100], in_hand[100:]
        await asyncio.gather(*(finish(queue, ticket, parked=dice.random() < share_parked) for ticket in finished))


async def finish(queue: JobQueue, ticket: Ticket, *, parked: bool) -> None:
    if parked:
        await queue.park(ticket, delay=3600, generation=1, transactional=False)
    await queue.done(ticket)


async def report(queue: JobQueue, count: int) -> None:
    body = b'{"events": [' + b"x" * 700 + b"]}"
    for _ in range(count // 50):
        await asyncio.gather(*(queue.publish_events(body) for _ in range(50)))


async def timed(what: str, count: int, work: Callable[[], Awaitable[None]]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{what:<28}{count / wall:>9.0f}/s{cpu / count * 1e6:>9.0f} us")


async def run(name: str, publisher: JobPublisher, queue: JobQueue, count: int) -> None:
    await publisher.open()
    await queue.open()
    await timed(f"{name} publish", count, lambda: publish(publisher, count))
    await timed(f"{name} take, done", count, lambda: drain(queue, count, 0.0))
    await publish(publisher, count)
    await timed(f"{name} with a tenth parked", count, lambda: drain(queue, count, 0.1))
    await timed(f"{name} feedback", count, lambda: report(queue, count))
    await queue.close()
    await publisher.close()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{'':<28}{'rate':>11}{'CPU':>12}")
    with private_rabbitmq() as node:
        uvloop.run(run("rabbit", RabbitPublisher(node.url), RabbitQueue(node.url), count))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "queue.db"
        uvloop.run(run("sqlite", SqlitePublisher(path), SqliteQueue(path), count))


if __name__ == "__main__":
    main()
