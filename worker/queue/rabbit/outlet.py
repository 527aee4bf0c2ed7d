"""Publishing on one connection, each message confirmed."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from aiormq import spec
from aiormq.exceptions import PublishError

from worker.queue import QueueAway
from worker.queue.rabbit.link import Wire, is_away

_LONGEST = 300.0  # seconds; an alarm of an hour gathers a dozen copies of one message


class Posting(NamedTuple):
    """A message to be published: what it says, and where."""

    body: bytes
    properties: spec.Basic.Properties
    exchange: str
    key: str


class Outlet:
    """Publishes over one channel. A message is confirmed within the time limit, or counts as not published.

    While the broker holds publishers back (memory or disk alarm), one message that is overdue stands for all: nothing more is
    written until it is confirmed, so that an alarm does not gather copies. It stands for them no longer than `_LONGEST`: then
    the connection is given up, because a confirmation may also have been lost on a connection that looks alive.
    """

    def __init__(self, wire: Wire, timeout: float) -> None:
        self._wire = wire
        self._timeout = timeout
        self._overdue: asyncio.Task[object] | None = None
        self._since = 0.0

    async def open(self) -> "Outlet":
        self._channel = await self._wire.channel(vital=True)
        return self

    async def publish(self, body: bytes, properties: spec.Basic.Properties, *, exchange: str, key: str) -> None:
        """`publish_all` of one."""
        await self.publish_all([Posting(body, properties, exchange, key)])

    async def publish_all(self, postings: Sequence[Posting]) -> None:
        """Publish, and wait for the broker's word that every message is safe.

        Raises:
            QueueAway: no such word of one of them.
            ValueError: a key is longer than 255 octets.
        """
        if self._overdue is not None and not self._overdue.done():
            if asyncio.get_running_loop().time() > self._since + _LONGEST:
                self._wire.drop()
            raise QueueAway("RabbitMQ does not confirm")
        sending = [asyncio.create_task(self._send(posting)) for posting in postings]
        for each in sending:
            each.add_done_callback(_seen)
        _, late = await asyncio.wait(sending, timeout=self._timeout)
        if late:
            self._overdue, self._since = late.pop(), asyncio.get_running_loop().time()
            raise QueueAway(f"RabbitMQ did not confirm within {self._timeout:g} s")
        for each in sending:
            self._judge(each)

    def _send(self, posting: Posting) -> Coroutine[Any, Any, object]:
        return self._channel.basic_publish(
            posting.body,
            exchange=posting.exchange,
            routing_key=posting.key,
            properties=posting.properties,
            mandatory=True,
            wait=False,
        )

    def _judge(self, sending: asyncio.Task[object]) -> None:
        fault = asyncio.CancelledError() if sending.cancelled() else sending.exception()
        if isinstance(fault, PublishError):
            # A queue of the topology is gone: a new connection declares it again.
            self._wire.drop()
        if isinstance(fault, asyncio.CancelledError) or (fault is not None and is_away(fault)):
            raise QueueAway(f"RabbitMQ: {type(fault).__name__}: {fault}") from fault
        if fault is not None:
            raise fault


def _seen(sending: asyncio.Task[object]) -> None:
    if not sending.cancelled():
        sending.exception()
