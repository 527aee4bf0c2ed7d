"""A worker's side of the queue."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from aiormq import spec
from pamqp.common import FieldTable

from mta.lane import Lane
from worker.queue import QueueAway, Ticket, Watch
from worker.queue.rabbit.intake import Intake
from worker.queue.rabbit.ladder import LONGEST, rungs
from worker.queue.rabbit.link import Link, Wire
from worker.queue.rabbit.message import (
    GENERATION,
    REST,
    is_transactional,
    parked_properties,
    published_headers,
    rejected_properties,
    routing_key,
    whole,
)
from worker.queue.rabbit.names import Names, held_key
from worker.queue.rabbit.outlet import Outlet
from worker.queue.rabbit.probe import PROBE
from worker.queue.rabbit.sites import Sites
from worker.queue.rabbit.tap import Delivery
from worker.queue.rabbit.topology import declare

_RETRY = 1.0
_SOON = 5.0
"""Seconds after which a ticket comes up again that belongs with a site's held ones while their queue cannot be trusted, as
after an outage: nobody can call it back from the ladder when the site takes more."""


@dataclass(frozen=True, slots=True)
class Prefetch:
    """How many unfinished tickets of each class a worker may have."""

    bulk: int = 400
    transactional: int = 200


class RabbitQueue:
    """`JobQueue` on RabbitMQ.

    Takes and publishes over two connections, because a broker short of memory stops reading from those that publish.
    `timeout` (seconds) is how long a publish may wait for its confirmation. `watch` hears when a connection is lost, and back.
    """

    def __init__(
        self,
        url: str,
        prefix: str = "mta",
        *,
        prefetch: Prefetch = Prefetch(),
        timeout: float = 30.0,
        watch: Watch | None = None,
    ) -> None:
        self._names = Names(prefix)
        self._timeout = timeout
        bell = asyncio.Event()
        self._bulk = Intake(self._names.bulk, prefetch.bulk, self._wanted, bell=bell)
        self._sites = Sites(self._names, self._bulk, self._wanted, bell)
        self._transactional = Intake(self._names.transactional, prefetch.transactional, self._wanted)
        self._in = Link(url, self._attach, watch)
        self._out = Link(url, self._outlet, watch)
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
        await self._sites.close()
        await self._bulk.close()
        await self._transactional.close()
        await self._in.close()
        await self._out.close()

    async def take(self, *, transactional: bool, limit: int) -> list[Ticket]:
        taken = await (self._transactional if transactional else self._sites).take(limit)
        return [self._ticket(delivery) for delivery in taken]

    def admit(self, ticket: Ticket, site: str, domain: str) -> bool:
        return self._sites.admit(ticket.receipt, site, domain, transactional=ticket.transactional)

    def told(self, ticket: Ticket, lane: Lane, *, waited: float, until: float | None) -> None:
        if ticket.transactional:
            ticket.receipt.leave()
        else:
            self._sites.told(ticket.receipt, lane, waited=waited, until=until)

    def wake(self) -> None:
        self._sites.wake()

    async def park(self, ticket: Ticket, *, delay: float, generation: int, transactional: bool) -> None:
        await self._park(ticket.receipt, delay, generation=generation, transactional=transactional)

    async def hold(self, ticket: Ticket, *, site: str, delay: float, generation: int) -> None:
        if ticket.transactional or not self._sites.holds(site):
            if not ticket.transactional and self._sites.knows(site):
                delay = min(delay, _SOON)
            await self.park(ticket, delay=delay, generation=generation, transactional=ticket.transactional)
        else:
            properties = self._properties(ticket.receipt, generation)
            await self._out.up.publish(ticket.body, properties, exchange=self._names.held, key=held_key(site))

    async def done(self, ticket: Ticket) -> None:
        ticket.receipt.done()

    async def reject(self, ticket: Ticket, reason: str) -> None:
        message = ticket.receipt.message
        properties = rejected_properties(message.header.properties, ticket.headers, reason)
        await self._out.up.publish(message.body, properties, exchange="", key=self._names.rejected)
        ticket.receipt.done()

    async def publish_events(self, body: bytes, traceparent: str | None = None) -> None:
        headers: FieldTable | None = {"traceparent": traceparent} if traceparent else None
        properties = spec.Basic.Properties(content_type="application/json", delivery_mode=2, headers=headers)
        await self._out.up.publish(body, properties, exchange=self._names.feedback, key="events")

    async def _attach(self, wire: Wire) -> None:
        await declare(wire, self._names)
        await self._bulk.attach(wire)
        await self._transactional.attach(wire)
        await self._sites.attach(wire)

    async def _outlet(self, wire: Wire) -> Outlet:
        await declare(wire, self._names)
        return await Outlet(wire, self._timeout).open()

    async def _park(self, delivery: Delivery, delay: float, *, generation: int, transactional: bool) -> None:
        stays = rungs(delay)
        properties = self._properties(delivery, generation, stays, rest=delay - LONGEST)
        await self._out.up.publish(
            delivery.message.body,
            properties,
            exchange=self._names.wait(stays[0] if stays else 0),
            key=routing_key(delivery.message.routing_key or "", transactional=transactional),
        )

    def _properties(
        self, delivery: Delivery, generation: int, stays: tuple[int, ...] = (), *, rest: float = 0.0
    ) -> spec.Basic.Properties:
        given = delivery.message.header.properties
        headers = published_headers(given.headers, parked=self._is_parked(delivery))
        return parked_properties(given, headers, generation=generation, stays=stays, rest=rest)

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
        if self._is_parked(delivery) and (rest := whole(headers.get(REST))) > 0:
            self._start(self._put_back(delivery, rest))
            return False
        return True

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _put_back(self, delivery: Delivery, rest: float) -> None:
        """Park a ticket again that was to wait longer than the ladder is high."""
        generation = whole((delivery.message.header.properties.headers or {}).get(GENERATION))
        transactional = is_transactional(delivery.message.routing_key or "")
        while not delivery.tap.lost:
            try:
                await self._park(delivery, rest, generation=generation, transactional=transactional)
            except QueueAway:
                await asyncio.sleep(_RETRY)
            else:
                delivery.done()
                return
