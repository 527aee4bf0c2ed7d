"""Hears every feedback event beside the tracker: what was really published, repeats too."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

import aio_pika
from aiormq.exceptions import AMQPError

from tests.faults.oracle import Told

_PAUSE = 0.2
_LOST = (AMQPError, OSError, RuntimeError, TimeoutError)


class Witness(Protocol):
    def events(self, delivery: str) -> list[Told]:
        """Every event about a delivery so far, in the order in which they came."""

    def close(self) -> None: ...


class BrokerWitness:
    """A queue of its own behind the feedback exchange, read through every outage of the broker."""

    def __init__(self, url: str, prefix: str, keep: Callable[[Told], Told] = lambda event: event) -> None:
        """`keep`: what is kept of each event."""
        self._url = url
        self._prefix = prefix
        self._keep = keep
        self._heard: list[Told] = []
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(60):
            raise TimeoutError("the witness does not get to the broker")

    def events(self, delivery: str) -> list[Told]:
        return [event for event in list(self._heard) if event["delivery_id"] == delivery]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._listen_on())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._task)
        self._loop.close()

    async def _listen_on(self) -> None:
        while True:
            with suppress(*_LOST):
                await self._listen()
            await asyncio.sleep(_PAUSE)

    async def _listen(self) -> None:
        connection = await aio_pika.connect(self._url, timeout=10, heartbeat=5)
        async with connection:
            channel = await connection.channel()
            queue = await self._queue(channel)
            self._ready.set()
            async with queue.iterator() as messages:
                async for message in messages:
                    self._heard += map(self._keep, json.loads(message.body)["events"])
                    await message.ack()

    async def _queue(self, channel: aio_pika.abc.AbstractChannel) -> aio_pika.abc.AbstractQueue:
        feedback = f"{self._prefix}.feedback"
        exchange = await channel.declare_exchange(feedback, aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(
            f"{self._prefix}.witness", durable=True, arguments={"x-queue-type": "quorum"}
        )
        await queue.bind(exchange, "#")
        return queue


class FileWitness:
    """Looks into the embedded queue's file; nothing may take feedback off it meanwhile."""

    def __init__(self, file: Path, prefix: str) -> None:
        self._file = file
        self._queue = f"{prefix}.feedback"

    def events(self, delivery: str) -> list[Told]:
        if not self._file.exists():
            return []
        with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=10)) as connection:
            try:
                rows = connection.execute(
                    "SELECT body FROM queue_message WHERE queue = ? ORDER BY number", (self._queue,)
                ).fetchall()
            except sqlite3.OperationalError:  # the tables are not there yet
                return []
        heard = [event for (body,) in rows for event in json.loads(body)["events"]]
        return [event for event in heard if event["delivery_id"] == delivery]

    def close(self) -> None:
        pass


class PeekWitness:
    """Looks at the feedback queue itself and puts everything back; for scenes in which no other queue may be bound."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._queue = f"{prefix}.feedback"

    def events(self, delivery: str) -> list[Told]:
        heard = asyncio.run(self._peek())
        return [event for event in heard if event["delivery_id"] == delivery]

    async def _peek(self) -> list[Told]:
        heard: list[Told] = []
        connection = await aio_pika.connect(self._url, timeout=10)
        async with connection:
            try:
                queue = await (await connection.channel()).get_queue(self._queue)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                return []
            while (message := await queue.get(fail=False)) is not None:
                heard += json.loads(message.body)["events"]
        return heard  # the connection is closed, and none of them was acknowledged

    def close(self) -> None:
        pass
