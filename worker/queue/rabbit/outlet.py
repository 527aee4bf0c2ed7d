"""Publishing on one connection, each message confirmed.

aiormq begins a task, three context managers and a future for each message, which is most of what publishing it costs. Here a
batch is put together and written at once, and one future waits for the broker's word on all of it.
"""

import asyncio
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import getrandbits
from typing import Any, NamedTuple, cast

from aiormq import spec
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import PublishError
from pamqp.body import ContentBody
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from worker.queue import QueueAway
from worker.queue.rabbit.link import Wire, away, is_away

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
        self._overdue: asyncio.Future[None] | None = None
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
        if not postings:
            return
        with away():
            batch = await self._write(postings)
        _, late = await asyncio.wait([batch.word], timeout=self._timeout)
        if late:
            self._overdue, self._since = batch.word, asyncio.get_running_loop().time()
            raise QueueAway(f"RabbitMQ did not confirm within {self._timeout:g} s")
        self._judge(batch)

    async def _write(self, postings: Sequence[Posting]) -> "_Batch":
        channel = self._channel
        names = [_named(posting.properties) for posting in postings]
        octets = b"".join([each for posting in postings for each in _frames(posting, channel)])
        async with channel.lock:
            batch = _Batch(channel.create_future(), len(postings))
            for number, name in enumerate(names, channel.delivery_tag + 1):
                channel.confirmations[number] = cast(Any, _Confirmation(batch))
                channel.message_id_delivery_tag[name] = number
            channel.delivery_tag += len(postings)
            await channel.write_queue.put(ChannelFrame(octets, should_close=False))
        batch.word.add_done_callback(lambda _: [channel.message_id_delivery_tag.pop(name, None) for name in names])
        return batch

    def _judge(self, batch: "_Batch") -> None:
        fault = asyncio.CancelledError() if batch.word.cancelled() else batch.word.exception() or batch.fault
        if isinstance(fault, PublishError):
            # A queue of the topology is gone: a new connection declares it again.
            self._wire.drop()
        if isinstance(fault, asyncio.CancelledError) or (fault is not None and is_away(fault)):
            raise QueueAway(f"RabbitMQ: {type(fault).__name__}: {fault}") from fault
        if fault is not None:
            raise fault


class _Batch:
    """Messages that leave together. `word` is done when the broker has spoken of each, or the channel is closed; `fault` is
    the latest that it had to say against one."""

    def __init__(self, word: asyncio.Future[None], count: int) -> None:
        self.word = word
        self.fault: BaseException | None = None
        self._left = count

    def confirmed(self) -> None:
        self._left -= 1
        if not self._left and not self.word.done():
            self.word.set_result(None)


class _Confirmation:
    """Stands where aiormq has a future for the broker's word on one message."""

    __slots__ = ("_batch",)

    def __init__(self, batch: _Batch) -> None:
        self._batch = batch

    def done(self) -> bool:
        return False  # it is heard once, and forgotten then

    def set_result(self, _: object) -> None:
        self._batch.confirmed()

    def set_exception(self, fault: BaseException) -> None:
        self._batch.fault = fault
        self._batch.confirmed()


def _named(properties: spec.Basic.Properties) -> str:
    """The name by which aiormq finds a message that the broker returns; given to those that have none."""
    properties.message_id = name = properties.message_id or f"{getrandbits(128):032x}"
    return name


def _frames(posting: Posting, channel: Channel) -> Iterator[bytes]:
    """A message on its way to the broker (AMQP 0-9-1 section 2.3.5.2)."""
    yield _method(channel.number, posting.exchange, posting.key)
    yield marshal(ContentHeader(body_size=len(posting.body), properties=posting.properties), channel.number)
    for start in range(0, len(posting.body), channel.max_content_size):
        yield marshal(ContentBody(posting.body[start : start + channel.max_content_size]), channel.number)


@lru_cache(maxsize=4096)
def _method(channel: int, exchange: str, key: str) -> bytes:
    """The frame of a mandatory basic.publish; many messages have the same."""
    return marshal(spec.Basic.Publish(exchange=exchange, routing_key=key, mandatory=True), channel)
