"""A connection that is kept: lost, it is opened again until it is closed for good."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Generic, TypeVar, cast

import aio_pika
import structlog
from aio_pika.abc import AbstractConnection
from aiormq.channel import Channel
from aiormq.exceptions import AMQPError
from pamqp.common import FieldTable
from yarl import URL

from worker.queue import QueueAway, Watch

T = TypeVar("T")

# It writes tracebacks about every connection lost or refused, of which this module tells in a line.
logging.getLogger("aiormq.connection").setLevel(logging.CRITICAL)

_log = structlog.get_logger("worker.queue.rabbit")
_HEARTBEAT = 8  # seconds; a dead peer is noticed after about three of them
_CONNECT = 30.0
_NAME: FieldTable = {"connection_name": "campaign-mta"}
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


def is_away(fault: BaseException) -> bool:
    """Whether this is how aiormq says that broker, connection or channel failed.

    It also ends waiting calls with a bare `Exception`, or with a cancellation that nobody asked for.
    """
    return isinstance(fault, AMQPError | OSError | TimeoutError | RuntimeError) or type(fault) is Exception


@contextmanager
def away() -> Iterator[None]:
    """Turn the client library's faults into `QueueAway`."""
    try:
        yield
    except asyncio.CancelledError:
        if is_cancelled():
            raise
        raise QueueAway("the connection to RabbitMQ was lost") from None
    except (AMQPError, OSError, TimeoutError, RuntimeError) as fault:
        if is_cancelled():  # it ends a cancelled call with a fault, too
            raise asyncio.CancelledError from fault
        raise QueueAway(f"RabbitMQ: {type(fault).__name__}: {fault}") from fault


def is_cancelled() -> bool:
    """Whether this task has been told to stop, though the client library may have kept it from hearing so."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class Wire:
    """One connection from its opening to its loss; the loss of a vital channel is the loss of the wire."""

    def __init__(self, connection: AbstractConnection) -> None:
        self.lost = asyncio.Event()
        self._connection = connection
        self._channels: set[object] = set()  # those that live, kept from the collector
        connection.close_callbacks.add(self._on_close)

    async def channel(self, *, prefetch: int = 0, vital: bool = False) -> Channel:
        """A new channel with publisher confirms, on which a message that cannot be routed is an error."""
        channel = self._connection.channel(on_return_raises=True)
        await channel.initialize()
        self._channels.add(channel)
        channel.close_callbacks.add(lambda *_: self._channels.discard(channel))
        raw = cast(Channel, await channel.get_underlay_channel())
        if vital:
            channel.close_callbacks.add(self._on_close)
            raw.on_consumer_cancel_callbacks.add(self._on_close)
        if prefetch:
            await raw.basic_qos(prefetch_count=prefetch)
        return raw

    def drop(self) -> None:
        self.lost.set()

    async def close(self) -> None:
        self.lost.set()
        with suppress(QueueAway), away():
            async with asyncio.timeout(5):
                await self._connection.close()

    def _on_close(self, *_: Any) -> None:
        self.lost.set()


class Link(Generic[T]):
    """A kept connection and what is furnished on it, anew each time it is opened; `watch` hears of its loss and return."""

    def __init__(self, url: str, furnish: Callable[[Wire], Awaitable[T]], watch: Watch | None = None) -> None:
        self._url = URL(url) if URL(url).query.get("heartbeat") else URL(url).update_query(heartbeat=_HEARTBEAT)
        self._furnish = furnish
        self._watch = watch
        self._now: tuple[Wire, T] | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def up(self) -> T:
        """What is furnished on the present connection.

        Raises:
            QueueAway: there is none.
        """
        if self._now is None or self._now[0].lost.is_set():
            raise QueueAway("RabbitMQ is away")
        return self._now[1]

    async def open(self) -> None:
        """Connect and furnish.

        Raises:
            QueueAway: not possible now.
        """
        self._now = await self._connect()
        self._keeper = asyncio.create_task(self._keep(), name="rabbitmq link")

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None
        if self._now is not None:
            await self._now[0].close()
            self._now = None
        if self._watch:
            self._watch.found(self)

    async def _keep(self) -> None:
        pauses = iter(_PAUSES)
        while True:
            if self._now is not None:
                await self._now[0].lost.wait()
                _log.warning("broker_lost")
                if self._watch:
                    self._watch.lost(self, QueueAway("the connection to RabbitMQ was lost"))
                wire, self._now = self._now[0], None
                await wire.close()
                pauses = iter(_PAUSES)
            await asyncio.sleep(next(pauses, _PAUSES[-1]))
            try:
                self._now = await self._connect()
                _log.info("broker_back")
                if self._watch:
                    self._watch.found(self)
            except QueueAway as fault:
                _log.info("broker_away", fault=str(fault))

    async def _connect(self) -> tuple[Wire, T]:
        with away():
            async with asyncio.timeout(_CONNECT):
                wire = Wire(await aio_pika.connect(self._url, timeout=_CONNECT, client_properties=_NAME))
                try:
                    return wire, await self._furnish(wire)
                except BaseException:
                    await wire.close()
                    raise
