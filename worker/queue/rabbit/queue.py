"""A worker's side of the queue."""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass

from aiormq import spec

from worker.queue import QueueAway, Ticket
from worker.queue.rabbit.intake import Delivery, Intake
from worker.queue.rabbit.ladder import rungs
from worker.queue.rabbit.link import Link, Wire
from worker.queue.rabbit.message import (
    DUE,
    GENERATION,
    PROBE,
    is_transactional,
    parked_properties,
    published_headers,
    rejected_properties,
    routing_key,
    whole,
)
from worker.queue.rabbit.outlet import Outlet
from worker.queue.rabbit.topology import Names, declare

_EARLY = 2.0  # seconds; clocks of two machines may differ by less without a ticket being put back
_RETRY = 1.0


@dataclass(frozen=True, slots=True)
class Prefetch:
    """How many unfinished tickets of each class a worker may have."""

    bulk: int = 400
    transactional: int = 200


class RabbitQueue:
    """`JobQueue` on RabbitMQ.

    Takes and publishes over two connections, because a broker short of memory stops reading from those that publish.
    `timeout` (seconds) is how long a publish may wait for its confirmation.
    """

    def __init__(
        self, url: str, prefix: str = "mta", *, prefetch: Prefetch = Prefetch(), timeout: float = 30.0
    ) -> None:
        self._names = Names(prefix)
        self._timeout = timeout
        self._bulk = Intake(self._names.bulk, prefetch.bulk, self._wanted)
        self._transactional = Intake(self._names.transactional, prefetch.transactional, self._wanted)
        self._in = Link(url, self._attach)
        self._out = Link(url, self._outlet)
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        await self._out.open()
        try:
            await self._in.open()
        except BaseException:
            await self._out.close()
            raise

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._bulk.close()
        await self._transactional.close()
        await self._in.close()
        await self._out.close()

    async def take(self, *, transactional: bool, limit: int) -> list[Ticket]:
        intake = self._transactional if transactional else self._bulk
        return [self._ticket(delivery) for delivery in await intake.take(limit)]

    async def park(self, ticket: Ticket, *, delay: float, generation: int, transactional: bool) -> None:
        await self._park(ticket.receipt, due=time.time() + delay, generation=generation, transactional=transactional)

    async def done(self, ticket: Ticket) -> None:
        ticket.receipt.done()

    async def reject(self, ticket: Ticket, reason: str) -> None:
        message = ticket.receipt.message
        properties = rejected_properties(message.header.properties, ticket.headers, reason)
        await self._out.up.publish(message.body, properties, exchange="", key=self._names.rejected)
        ticket.receipt.done()

    async def publish_events(self, body: bytes) -> None:
        properties = spec.Basic.Properties(content_type="application/json", delivery_mode=2)
        await self._out.up.publish(body, properties, exchange=self._names.feedback, key="events")

    async def _attach(self, wire: Wire) -> None:
        await declare(wire, self._names)
        await self._bulk.attach(wire)
        await self._transactional.attach(wire)

    async def _outlet(self, wire: Wire) -> Outlet:
        await declare(wire, self._names)
        return await Outlet(wire, self._timeout).open()

    async def _park(self, delivery: Delivery, *, due: float, generation: int, transactional: bool) -> None:
        message = delivery.message
        given = message.header.properties
        headers = published_headers(given.headers, parked=self._is_parked(delivery))
        stays = rungs(due - time.time())
        properties = parked_properties(given, headers, generation=generation, due=due, stays=stays)
        await self._out.up.publish(
            message.body,
            properties,
            exchange=self._names.wait(stays[0] if stays else 0),
            key=routing_key(message.routing_key or "", transactional=transactional),
        )

    def _is_parked(self, delivery: Delivery) -> bool:
        # Judged by the way it came, so that no publisher can pass a job off as a retry ticket.
        return delivery.message.exchange != self._names.jobs

    def _ticket(self, delivery: Delivery) -> Ticket:
        message = delivery.message
        given = message.header.properties
        parked = self._is_parked(delivery)
        return Ticket(
            body=message.body,
            content_type=given.content_type,
            headers=published_headers(given.headers, parked=parked),
            generation=whole((given.headers or {}).get(GENERATION)) if parked else 0,
            transactional=is_transactional(message.routing_key or ""),
            receipt=delivery,
        )

    def _wanted(self, delivery: Delivery) -> bool:
        headers = delivery.message.header.properties.headers or {}
        if PROBE in headers:
            delivery.done()
            return False
        if self._is_parked(delivery) and whole(headers.get(DUE)) / 1000 > time.time() + _EARLY:
            self._start(self._put_back(delivery))
            return False
        return True

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _put_back(self, delivery: Delivery) -> None:
        """Park a ticket again that was to wait longer than the ladder is high."""
        headers = delivery.message.header.properties.headers or {}
        while not delivery.tap.wire.lost.is_set():
            try:
                await self._park(
                    delivery,
                    due=whole(headers[DUE]) / 1000,
                    generation=whole(headers.get(GENERATION)),
                    transactional=is_transactional(delivery.message.routing_key or ""),
                )
            except QueueAway:
                await asyncio.sleep(_RETRY)
            else:
                delivery.done()
                return
