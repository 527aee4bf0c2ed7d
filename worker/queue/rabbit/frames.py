"""What comes from RabbitMQ, with less done about each frame than aiormq does.

aiormq reads a frame in three steps, hands it over a queue to its channel's own task, and begins a task for each delivery, which
is three frames: more than a tenth of what a message costs. `Frames` cuts frames off whatever has come, `Deliveries` puts
deliveries together without the queue. Everything else goes aiormq's way.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

import aiormq.connection
from aiormq import spec
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.connection import FrameReceiver, ReceivedFrame
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError, ProtocolSyntaxError
from pamqp.body import ContentBody
from pamqp.constants import FRAME_BODY, FRAME_END, FRAME_HEADER_SIZE, FRAME_METHOD
from pamqp.exceptions import PAMQPException
from pamqp.frame import unmarshal
from pamqp.header import ContentHeader

_CHUNK = 256 * 1024
"""Octets that are taken at once at most: twice the largest frame that RabbitMQ sends unless told otherwise."""
_DELIVER = spec.Basic.Deliver.index.to_bytes(4, "big")
_LONG, _LONGLONG = struct.Struct(">I"), struct.Struct(">Q")


class Frames(FrameReceiver):
    """aiormq's reader of frames (AMQP 0-9-1 section 4.2.3), for one task at a time."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._octets = b""
        self._at = 0  # where the next frame begins

    async def get_frame(self) -> ReceivedFrame:
        """Channel and frame that came next, with a figure that nobody looks at.

        Raises:
            StopAsyncIteration: the connection is over.
            AMQPConnectionError: it ended, though more was expected, or what came is no frame.
        """
        while (end := self._end()) is None:
            await self._more()
        start, self._at = self._at, end
        try:
            return _frame(self._octets, start, end)
        except (PAMQPException, ValueError, IndexError, struct.error) as fault:
            raise InvalidFrameError(str(fault)) from fault

    def _end(self) -> int | None:
        """Where the next frame ends; None: it is not all there."""
        octets, start = self._octets, self._at
        if len(octets) - start < FRAME_HEADER_SIZE:
            return None
        if not self.started and octets.startswith(b"AMQP"):  # a broker that wants another protocol says its name
            raise ProtocolSyntaxError("Unexpected AMQP protocol header")
        self.started = True
        end = start + FRAME_HEADER_SIZE + _LONG.unpack_from(octets, start + 3)[0] + 1
        return cast(int, end) if end <= len(octets) else None

    async def _more(self) -> None:
        rest = self._octets[self._at :]
        if not rest and self.reader.at_eof():
            raise StopAsyncIteration
        try:
            came = await self.reader.read(_CHUNK)
        except OSError as fault:
            raise AMQPConnectionError(f"Server communication error: {fault!r}") from fault
        if not came:
            raise AMQPConnectionError(f"Server connection unexpectedly closed after {len(rest)} bytes of a frame")
        self._octets, self._at = rest + came, 0


# aiormq makes its own wherever it opens a connection.
aiormq.connection.FrameReceiver = Frames  # type: ignore[misc]


def _frame(octets: bytes, start: int, end: int) -> ReceivedFrame:
    """The frame between two places. Those that come with every message are read here, the others by pamqp."""
    kind, inside = octets[start], start + FRAME_HEADER_SIZE
    if octets[end - 1] == FRAME_END:
        if kind == FRAME_BODY:
            return end - start, _channel(octets, start), ContentBody(octets[inside : end - 1])
        if kind == FRAME_METHOD and octets.startswith(_DELIVER, inside):
            return end - start, _channel(octets, start), _deliver(octets, inside + len(_DELIVER))
    return unmarshal(octets[start:end])


def _channel(octets: bytes, start: int) -> int:
    return octets[start + 1] << 8 | octets[start + 2]


def _deliver(octets: bytes, at: int) -> spec.Basic.Deliver:
    """The arguments of basic.deliver (AMQP 0-9-1 class reference)."""
    consumer, at = _short(octets, at)
    tag, redelivered = _LONGLONG.unpack_from(octets, at)[0], octets[at + 8] & 1 == 1
    exchange, at = _short(octets, at + 9)
    key, _ = _short(octets, at)
    return spec.Basic.Deliver(consumer, tag, redelivered, exchange, key)


def _short(octets: bytes, at: int) -> tuple[str, int]:
    """A short string, and where what follows it begins."""
    end = at + 1 + octets[at]
    return octets[at + 1 : end].decode(), end


class Deliveries:
    """Stands where a channel has the queue of its frames. `arrived` is called with each message that comes for a consumer, in
    a turn of its own, whatever aiormq was told to call."""

    def __init__(self, channel: Channel, arrived: Callable[[DeliveredMessage], None]) -> None:
        self._channel = channel
        self._arrived = arrived
        self._others = channel.frames
        self._deliver: spec.Basic.Deliver | None = None
        self._header: ContentHeader | None = None
        self._body: list[bytes] = []
        self._missing = 0  # octets of the body
        channel.frames = cast("asyncio.Queue[Any]", self)

    async def put(self, received: tuple[int, object]) -> None:
        """As the queue's."""
        _, frame = received
        if isinstance(frame, spec.Basic.Deliver):
            self._deliver, self._header, self._body = frame, None, []
        elif self._deliver is not None and isinstance(frame, ContentHeader):
            self._header, self._missing = frame, frame.body_size
            self._whole()
        elif self._header is not None and isinstance(frame, ContentBody):
            self._body.append(frame.value)
            self._missing -= len(frame.value)
            self._whole()
        else:
            await self._others.put(received)

    async def get(self) -> Any:
        return await self._others.get()

    def task_done(self) -> None:
        self._others.task_done()

    def _whole(self) -> None:
        """Hand the message over when nothing of it is missing; for a consumer that was cancelled it is left where it is."""
        if self._missing > 0 or self._deliver is None or self._header is None:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        message = DeliveredMessage(delivery=self._deliver, header=self._header, body=body, channel=self._channel)
        self._deliver = self._header = None
        if message.consumer_tag in self._channel.consumers:
            asyncio.get_running_loop().call_soon(self._arrived, message)
