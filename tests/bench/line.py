"""Who waits for whom: `python -m tests.bench.line [--count N] [--backlog N] [--only WORDS]`.

A wave of which half goes to a site that takes one message a second, or never answers a RCPT, beside the same half alone; then
transactional jobs published behind a backlog of bulk ones. RabbitMQ and PostgreSQL flush to disk; the sink is ours. Times are
those of the feedback events. Prints a table and writes `build/bench-line.json`.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import uvloop
from rich.console import Console

from feedback.event import decode
from feedback.stream import FeedbackStream
from tests.acceptance.installation import COMMAND, Installation
from tests.bench.rows import Row, tell
from tests.services.depth import ready
from tests.services.postgres import PostgresServer
from tests.services.rabbitmq import RabbitNode, private_rabbitmq
from worker.queue import Job
from worker.queue.rabbit import RabbitFeedback, RabbitPublisher

PATIENCE = 600.0
CONNECTIONS = 20

_SETTINGS = """\
[broker]
url = "{broker}"
prefix = "{prefix}"
[store]
url = "{store}"
[smtp]
helo = "mta.test.example"
[log]
format = "json"
level = "warning"
[traffic]
rules = ["traffic.toml"]
"""
_ROUTE = '[[route]]\ndomain = "{site}.example"\nhosts = ["127.0.0.1:{port}"]\nsite = "{site}"\n'
_RULE = '[[rule]]\nname = "{site}"\nsite = ["{site}"]\nconnections = {connections}\nmessages_per_connection = 1000000\n'

_numbers = count()


@dataclass
class Place:
    """What all courses run on."""

    folder: Path
    node: RabbitNode
    postgres: PostgresServer
    port: int


@dataclass
class Course:
    """A wave through a worker of its own. `rates`: sites and the rates their rules allow."""

    place: Place
    rates: dict[str, str | None]
    ends: dict[str, float] = field(default_factory=dict)
    first: float = 0.0
    name: str = field(default_factory=lambda: f"line{next(_numbers)}")

    def __post_init__(self) -> None:
        folder = self.place.folder / self.name
        folder.mkdir()
        place = self.place
        settings = _SETTINGS.format(broker=place.node.url, prefix=self.name, store=place.postgres.url)
        settings += "".join(_ROUTE.format(site=site, port=place.port) for site in self.rates)
        rules = ""
        for site, rate in self.rates.items():
            rules += _RULE.format(site=site, connections=CONNECTIONS) + (f'rate = "{rate}"\n' if rate else "")
        (folder / "traffic.toml").write_text(rules)
        self.installation = Installation(folder, settings, place.postgres.url, self.name)

    def run(self, sites: Sequence[tuple[str, str]], number: int, wanted: str) -> float:
        """Publish `number` jobs, the sites (each with a tag for the sink) in turn, start a worker, and answer the seconds
        from its first accepted job until all of the site `wanted` are sent."""
        return uvloop.run(self._run(sites, number, wanted))

    async def _run(self, sites: Sequence[tuple[str, str]], number: int, wanted: str) -> float:
        jobs = [self.job(index, *sites[index % len(sites)]) for index in range(number)]
        await self.publish(jobs)
        expected = sum(1 for index in range(number) if sites[index % len(sites)][0] == wanted)
        ends = await self.hear(wanted, expected)
        return max(ends.values()) - self.first

    def job(self, index: int, site: str, tag: str = "", priority: str = "bulk", size: int = 1500) -> Job:
        rcpt = f"r{index}{'+' if tag else ''}{tag}@{site}.example"
        message = f"From: news@riverside.example\r\nTo: {rcpt}\r\nSubject: {self.name}\r\n\r\n{'x' * 70}\r\n"
        message += ("y" * 70 + "\r\n") * (size // 72)
        body = {
            "job_id": f"{self.name}.{priority}.{index}",
            "delivery_id": self.name,
            "mail_from": "bounce@riverside.example",
            "rcpt_to": rcpt,
            "message": message,
            "priority": priority,
        }
        return Job(body=json.dumps(body).encode(), routing_key=f"{priority}.{site}.example")

    async def publish(self, jobs: Sequence[Job]) -> None:
        publisher = RabbitPublisher(self.place.node.url, self.name)
        await publisher.open()
        await publisher.publish(jobs)
        await publisher.close()

    async def hear(self, wanted: str, expected: int) -> dict[str, float]:
        """Run a worker until so many jobs of a site are sent; when each was, by its id."""
        stream: FeedbackStream = RabbitFeedback(self.place.node.url, self.name)
        await stream.open()
        process = self.installation.start("worker")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._sent(stream, wanted, expected)
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)
            await stream.close()

    async def _sent(self, stream: FeedbackStream, wanted: str, expected: int) -> dict[str, float]:
        while len(self.ends) < expected:
            messages = await stream.take(100)
            for event in (event for message in messages for event in decode(message.body)):
                at = posix(event.at)
                self.first = min(self.first or at, at)
                if event.event == "sent" and str(event.rcpt_to).endswith(f"@{wanted}.example"):
                    self.ends[event.job_id] = at
            await stream.done(messages)
        return self.ends


def posix(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()


def head_of_line(place: Place, number: int) -> Iterator[Row]:
    """Half of `number` to a good site whose rule allows half of what the worker can do."""
    able = Course(place, {"quick": None})
    capacity = number / 4 / able.run([("quick", "")], number // 4, "quick")
    rate = max(int(capacity / 2), 1)
    yield Row("the worker can do", f"{capacity:.0f}/s", "-", True)
    rates: dict[str, str | None] = {"quick": f"{rate}/s"}
    alone = Course(place, rates).run([("quick", "")], number // 2, "quick")
    yield Row(f"{number // 2} to a site limited to {rate}/s, alone", f"{alone:.1f} s", "-", True)
    for what, limit, tag in (("takes 1/s", "1/s", ""), ("never answers RCPT", None, "slow-900s")):
        beside = Course(place, rates | {"bad": limit}).run([("quick", ""), ("bad", tag)], number, "quick")
        ratio = beside / alone
        yield Row(f"beside as many to one that {what}", f"{beside:.1f} s, {ratio:.2f} times", "1.1 times", ratio <= 1.1)


def transactional(place: Place, backlog: int, number: int = 1000) -> Iterator[Row]:
    """Published one by one over some seconds, behind bulk jobs of which there are enough to keep the worker busy."""
    course = Course(place, {"quick": None})
    waits = sorted(uvloop.run(_behind(course, backlog, number)))
    p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    yield Row(
        f"{number} transactional behind {backlog} bulk", f"p50 {p50:.2f} s, p99 {p99:.2f} s", "p99 < 2 s", p99 < 2.0
    )


async def _behind(course: Course, backlog: int, number: int) -> list[float]:
    for start in range(0, backlog, 5000):
        jobs = [course.job(index, "quick") for index in range(start, min(start + 5000, backlog))]
        await course.publish(jobs)
    published: dict[str, float] = {}
    publisher = RabbitPublisher(course.place.node.url, course.name)
    await publisher.open()

    async def trickle() -> None:
        while not course.first:  # the worker has begun
            await asyncio.sleep(0.05)
        for index in range(number):
            job = course.job(index, "urgent", priority="transactional")
            published[json.loads(job.body)["job_id"]] = time.time()
            await publisher.publish([job])
            await asyncio.sleep(0.01)

    course.installation.settings += _ROUTE.format(site="urgent", port=course.place.port)
    trickling = asyncio.create_task(trickle())
    ends = await course.hear("urgent", number)
    await trickling
    await publisher.close()
    left = await ready(course.place.node.url, f"{course.name}.bulk") or 0
    assert left > 0, "the backlog was gone before the last transactional job was sent"
    return [ends[job_id] - at for job_id, at in published.items()]


@contextmanager
def place() -> Iterator[Place]:
    folder = Path(tempfile.mkdtemp(prefix="campaign-mta-line-"))
    sink = subprocess.Popen([*COMMAND, "sink", "--port", "0", "--json"], stdout=subprocess.PIPE)
    assert sink.stdout is not None
    try:
        with private_rabbitmq() as node, PostgresServer(durable=True) as postgres:
            yield Place(folder, node, postgres, json.loads(sink.stdout.readline())["port"])
    finally:
        sink.terminate()
        sink.wait(20)
        sink.stdout.close()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.line", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="jobs of the wave (default 20000)")
    parser.add_argument(
        "--backlog", type=int, default=200_000, help="bulk jobs before the transactional (default 200000)"
    )
    parser.add_argument("--only", choices=("line", "transactional"), help="one part")
    options = parser.parse_args()
    console = Console(width=140)
    rows: list[Row] = []
    with place() as ground:
        for part in (
            head_of_line(ground, options.count) if options.only != "transactional" else (),
            transactional(ground, options.backlog) if options.only != "line" else (),
        ):
            for row in part:
                console.print(f"{row.what}: {row.figure}", highlight=False)
                rows.append(row)
    tell(console, rows, "line")


if __name__ == "__main__":
    main()
