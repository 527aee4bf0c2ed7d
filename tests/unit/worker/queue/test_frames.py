"""Frames are cut off the stream wherever it is cut itself, and become the messages that aiormq would make of them."""

import asyncio
from typing import cast

import pytest
from aiormq import spec
from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel
from aiormq.connection import ReceivedFrame
from aiormq.exceptions import AMQPConnectionError, InvalidFrameError, ProtocolSyntaxError
from pamqp.body import ContentBody
from pamqp.frame import FrameTypes, marshal, unmarshal
from pamqp.header import ContentHeader
from pamqp.heartbeat import Heartbeat

from worker.queue.rabbit.frames import Deliveries, Frames

DELIVER = spec.Basic.Deliver("mta.jobs.bulk#1", 2**40, True, "mta.jobs", "bulk.käse.example")
PROPERTIES = spec.Basic.Properties(content_type="application/json", delivery_mode=2, headers={"x": 1})
SENT: list[tuple[FrameTypes, int]] = [
    (DELIVER, 3),
    (ContentHeader(0, 7, PROPERTIES), 3),
    (ContentBody(b"\xce\x00AMQP\xce"), 3),
    (Heartbeat(), 0),
    (spec.Basic.Ack(9, True), 65535),
    (spec.Basic.Deliver("", 1, False, "", ""), 1),
]
OCTETS = b"".join(marshal(frame, channel) for frame, channel in SENT)


def told(received: ReceivedFrame) -> tuple[object, ...]:
    """A frame's size, channel, kind, and all that it says."""
    size, channel, frame = received
    names = getattr(frame, "__slots__", None) or vars(frame)
    return size, channel, type(frame), [str(getattr(frame, name)) for name in names if name != "properties"]


def ended(*octets: bytes) -> Frames:
    stream = asyncio.StreamReader()
    for piece in octets:
        stream.feed_data(piece)
    stream.feed_eof()
    return Frames(stream)


@pytest.mark.parametrize("length", [1, 2, 7, 8, 30, 1000])
async def test_frames_are_what_aiormq_reads_however_the_stream_is_cut(length: int) -> None:
    stream = asyncio.StreamReader()
    frames = Frames(stream)

    async def trickle() -> None:
        for start in range(0, len(OCTETS), length):
            stream.feed_data(OCTETS[start : start + length])
            await asyncio.sleep(0)

    feeding = asyncio.create_task(trickle())
    received = [told(await frames.get_frame()) for _ in SENT]
    await feeding
    assert received == [told(unmarshal(marshal(frame, channel))) for frame, channel in SENT]


async def test_all_that_came_is_given_before_the_end_of_a_connection() -> None:
    assert len([frame async for frame in ended(OCTETS)]) == len(SENT)


async def test_a_connection_that_ends_in_a_frame_has_failed() -> None:
    with pytest.raises(AMQPConnectionError):
        [frame async for frame in ended(OCTETS[:-1])]


async def test_a_connection_that_ends_while_more_is_waited_for_has_failed() -> None:
    stream = asyncio.StreamReader()
    waiting = asyncio.create_task(Frames(stream).get_frame())
    await asyncio.sleep(0)
    stream.feed_eof()
    with pytest.raises(AMQPConnectionError):
        await waiting


@pytest.mark.parametrize(
    "octets",
    [
        marshal(ContentBody(b"x"), 1)[:-1] + b"\x00",
        marshal(DELIVER, 1)[:-1] + b"\x00",
        b"\x01\x00\x01\x00\x00\x00\x05\x00\x3c\x00\x3c\xff\xce",
        b"\x01\x00\x01\x00\x00\x00\x04\x00\x3c\x00\x3c\xce",
        b"\x07\x00\x01\x00\x00\x00\x01\x00\xce",
    ],
    ids=[
        "a body without its end",
        "a delivery without its end",
        "a tag beyond the frame",
        "no arguments",
        "no known kind",
    ],
)
async def test_what_is_no_frame_is_refused(octets: bytes) -> None:
    with pytest.raises(InvalidFrameError):
        await ended(octets).get_frame()


async def test_a_broker_of_another_protocol_is_told_apart() -> None:
    with pytest.raises(ProtocolSyntaxError):
        await ended(b"AMQP\x00\x01\x00\x00").get_frame()


class Line:
    """A channel, as far as `Deliveries` knows one."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[object] = asyncio.Queue()
        self.consumers = {DELIVER.consumer_tag: None}
        self.arrived: list[DeliveredMessage] = []
        self.others = self.frames
        Deliveries(cast(Channel, self), self.arrived.append)

    async def take(self, *frames: FrameTypes) -> None:
        for frame in frames:
            await self.frames.put((0, frame))
        await asyncio.sleep(0)


@pytest.mark.parametrize("bodies", [[b"a whole mail"], [b"a whole", b" mail"], []])
async def test_a_delivery_arrives_when_its_last_frame_does(bodies: list[bytes]) -> None:
    line, size = Line(), sum(map(len, bodies))
    frames = [DELIVER, ContentHeader(0, size, PROPERTIES), *map(ContentBody, bodies)]
    await line.take(*frames[:-1])
    assert not line.arrived
    await line.take(frames[-1])
    [message] = line.arrived
    assert (message.body, message.delivery_tag, message.redelivered) == (b"".join(bodies), 2**40, True)
    assert (message.exchange, message.routing_key) == ("mta.jobs", "bulk.käse.example")
    assert message.header.properties.headers == {"x": 1}
    assert line.others.empty()


async def test_a_delivery_for_a_consumer_that_is_gone_is_left_where_it_is() -> None:
    line = Line()
    line.consumers.clear()
    await line.take(DELIVER, ContentHeader(0, 1, PROPERTIES), ContentBody(b"x"))
    assert not line.arrived


async def test_everything_else_goes_the_channels_own_way_in_its_order() -> None:
    line = Line()
    got = [spec.Basic.GetOk(1, False, "", "a", 0), ContentHeader(0, 1, PROPERTIES), ContentBody(b"x")]
    frames = [spec.Basic.ConsumeOk("a"), *got, spec.Channel.CloseOk()]
    await line.take(*frames)
    assert [await line.frames.get() for _ in frames] == [(0, frame) for frame in frames]
    assert not line.arrived
