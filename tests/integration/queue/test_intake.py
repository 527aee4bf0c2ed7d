"""One queue's intake on a real broker: resting and resuming with messages unfinished, and waiting for the broker."""

import asyncio
from collections.abc import AsyncIterator

import aio_pika

from tests.integration.queue.transports import within
from worker.queue.rabbit.intake import Intake
from worker.queue.rabbit.link import Wire
from worker.queue.rabbit.tap import Delivery

NAME = "resting"


async def consuming(wire: Wire, *, messages: int, prefetch: int) -> Intake:
    """An intake of a queue with so many messages."""
    channel = await wire.channel()
    await channel.queue_declare(NAME, durable=True, arguments={"x-queue-type": "quorum"})
    for number in range(messages):
        await channel.basic_publish(b"%d" % number, routing_key=NAME)
    intake = Intake(NAME, prefetch)
    await intake.attach(wire)
    return intake


async def test_an_intake_may_rest_and_resume_any_number_of_times_with_messages_unfinished(amqp_url: str) -> None:
    connection = await aio_pika.connect(amqp_url)
    wire = Wire(connection)
    intake = await consuming(wire, messages=60, prefetch=10)
    unfinished, seen = [], []
    while len(seen) < 60:
        taken = await within(intake.take(2))
        seen += [delivery.message.body for delivery in taken]
        for delivery in unfinished:
            delivery.done()
        unfinished = taken
        await intake.rest()
        await intake.resume(prefetch=10)
    for delivery in unfinished:
        delivery.done()
    assert sorted(map(int, seen)) == list(range(60))
    assert not wire.lost.is_set()
    await intake.close()
    await connection.close()
    async with await aio_pika.connect(amqp_url) as other, other.channel() as again:
        queue = await again.get_queue(NAME)
        left = [message.body async for message in _left(queue)]
        await again.queue_delete(NAME)
    assert left == []


async def test_an_intake_is_starved_when_the_broker_waits_for_acknowledgements_of_all_that_was_taken(
    amqp_url: str,
) -> None:
    connection = await aio_pika.connect(amqp_url)
    wire = Wire(connection)
    intake = await consuming(wire, messages=7, prefetch=5)
    taken: list[Delivery] = []
    while len(taken) < 5:
        assert not intake.starved
        taken += await within(intake.take(1))
    assert intake.starved
    taken[0].done()
    assert intake.starved  # the broker has not heard of it
    taken += await within(intake.take(1))
    assert intake.starved
    for delivery in taken:
        delivery.done()
    [last] = await within(intake.take(1))
    last.done()
    assert not intake.starved
    await intake.close()
    await (await wire.channel()).queue_delete(NAME)
    await connection.close()


async def _left(queue: aio_pika.abc.AbstractQueue) -> AsyncIterator[aio_pika.abc.AbstractIncomingMessage]:
    """What a queue still holds, a second after everybody has gone."""
    await asyncio.sleep(1)
    while message := await queue.get(fail=False):
        yield message
