"""The campaign service in the race: a process that has its jobs ready, and publishes them when told to.

`python -m tests.bench.contest.publish CONFIG DELIVERY COUNT SIZE DOMAINS HOSTED WAITING`; it says "ready", waits for a line, publishes
with the worker's own publisher, 500 jobs at a time (of large mails 10 MB), and ends when all are confirmed. Where not all may wait in
the broker at once, it looks at RabbitMQ's queues before each tenth of what may.
"""

import asyncio
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import uvloop

from tests.bench.contest.load import SENDER, Load, single
from tests.services.depth import ready
from worker import adapters
from worker.queue import Job
from worker.queue.rabbit.names import Names
from worker.settings import Settings
from worker.settings import load as settings_of

_BATCH, _OCTETS = 500, 10_000_000
_PAUSE = 0.2


async def publish(config: Path, delivery: str, load: Load) -> None:
    settings = settings_of(config)
    publisher = adapters.job_publisher(settings)
    await publisher.open()
    made, together = jobs(delivery, load), load.waiting // 10 or max(1, min(_BATCH, _OCTETS // load.size))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    while batch := list(islice(made, together)):
        if load.waiting:
            await _room(settings, load.waiting)
        await publisher.publish(batch)
    await publisher.close()


async def _room(settings: Settings, most: int) -> None:
    """Returns as soon as fewer wait, in the queue of all and in the site's own, which is there once it is busy."""
    url, names = settings.broker.url.get_secret_value(), Names(settings.broker.prefix)
    while sum([await ready(url, queue) or 0 for queue in (names.bulk, names.bulk_of(single()))]) >= most:
        await asyncio.sleep(_PAUSE)


def jobs(delivery: str, load: Load) -> Iterator[Job]:
    """The jobs, the mail's text encoded once for all."""
    message = msgspec.json.encode(load.mail)
    for number in range(load.count):
        rest = {
            "job_id": f"{delivery}.0.{number:08x}",
            "delivery_id": delivery,
            "mail_from": SENDER,
            "rcpt_to": f"reader{number}@{load.domain(number)}",
        }
        body = b'{"message":' + message + b"," + msgspec.json.encode(rest)[1:]
        yield Job(body=body, routing_key=f"bulk.{load.domain(number)}")


if __name__ == "__main__":
    file, name, *numbers = sys.argv[1:]
    uvloop.run(publish(Path(file), name, Load(*map(int, numbers))))
