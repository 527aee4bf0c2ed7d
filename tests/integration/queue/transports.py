"""The queue's two adapters, as the conformance suite drives them."""

import asyncio
import json
import sqlite3
from collections.abc import Awaitable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aio_pika

from feedback.stream import FeedbackStream
from worker.queue import JobPublisher, JobQueue
from worker.queue.rabbit import Prefetch, RabbitFeedback, RabbitPublisher, RabbitQueue
from worker.queue.rabbit.ladder import RUNGS
from worker.queue.sqlite import SqliteFeedback, SqlitePublisher, SqliteQueue

DEADLINE = 90.0
"""Seconds after which something that a test waits for is taken to be missing."""


class Openable(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...


T = TypeVar("T")
Opened = TypeVar("Opened", bound=Openable)


@dataclass(frozen=True)
class Rejected:
    body: bytes
    content_type: str | None
    headers: Mapping[str, Any]


@dataclass
class Transport:
    """Makes open adapters, and closes at the end what is still open."""

    opened: list[Openable] = field(default_factory=list)

    async def opening(self, made: Opened) -> Opened:
        await made.open()
        self.opened.append(made)
        return made

    async def close(self) -> None:
        for each in self.opened:
            await each.close()


@dataclass
class RabbitTransport(Transport):
    url: str = ""

    async def worker(self, prefix: str = "conformance") -> JobQueue:
        return await self.opening(RabbitQueue(self.url, prefix, prefetch=Prefetch(bulk=100, transactional=100)))

    async def publisher(self, prefix: str = "conformance") -> JobPublisher:
        return await self.opening(RabbitPublisher(self.url, prefix))

    async def stream(self, prefix: str = "conformance") -> FeedbackStream:
        return await self.opening(RabbitFeedback(self.url, prefix))

    async def empty(self, prefix: str = "conformance") -> None:
        """Topology made, nothing in it."""
        publisher = RabbitPublisher(self.url, prefix)
        await publisher.open()
        await publisher.close()
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            names = ["bulk", "transactional", "feedback", "rejected", *(f"wait.{rung}" for rung in range(RUNGS))]
            for name in names:
                queue = await channel.get_queue(f"{prefix}.{name}", ensure=False)
                await queue.purge()

    async def rejected(self, prefix: str = "conformance") -> Rejected:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            queue = await channel.get_queue(f"{prefix}.rejected", ensure=False)
            message = await queue.get(timeout=DEADLINE, fail=True)
            await message.ack()
            headers = {name: value for name, value in message.headers.items() if name != "x-delivery-count"}
            return Rejected(message.body, message.content_type, headers)


@dataclass
class SqliteTransport(Transport):
    path: Path = Path()

    async def worker(self, prefix: str = "conformance") -> JobQueue:
        return await self.opening(SqliteQueue(self.path, prefix))

    async def publisher(self, prefix: str = "conformance") -> JobPublisher:
        return await self.opening(SqlitePublisher(self.path, prefix))

    async def stream(self, prefix: str = "conformance") -> FeedbackStream:
        return await self.opening(SqliteFeedback(self.path, prefix))

    async def empty(self, prefix: str = "conformance") -> None:
        """The file is new."""

    async def rejected(self, prefix: str = "conformance") -> Rejected:
        with closing(sqlite3.connect(self.path)) as connection:
            body, content_type, headers = connection.execute(
                "SELECT body, content_type, headers FROM queue_message WHERE queue = ?", (f"{prefix}.rejected",)
            ).fetchone()
        return Rejected(body, content_type, json.loads(headers))


async def within(awaitable: Awaitable[T]) -> T:
    """What is awaited, or a failure when it does not come."""
    async with asyncio.timeout(DEADLINE):
        return await awaitable
