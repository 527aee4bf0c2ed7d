"""What the adapter declares on the broker.

Only what RabbitMQ 3.10 and 4.x both take. The names of the contract are declared without arguments, or with the queue type
alone, because campaign services and trackers declare them too.
"""

import asyncio
from typing import Any

from aiormq.channel import Channel
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity, ChannelPreconditionFailed

from worker.queue import QueueAway
from worker.queue.rabbit import probe
from worker.queue.rabbit.ladder import RUNGS
from worker.queue.rabbit.link import Wire
from worker.queue.rabbit.message import wait
from worker.queue.rabbit.names import Names

# RabbitMQ 4.x drops a message on its 21st delivery unless told otherwise, and each lost connection is a delivery.
_UNLIMITED = 1_000_000_000


async def declare(wire: Wire, names: Names) -> None:
    """Declare everything; on a fresh broker, wait until its queues can be trusted, and try them.

    A user of the broker that may only publish, or only consume, leaves it to the workers.

    Raises:
        QueueAway: this user may not, and no worker has.
    """
    try:
        await _declare(wire, names)
    except ChannelAccessRefused as fault:
        if not await _exists(wire, names.settled):
            raise QueueAway(f"RabbitMQ: {fault}; a worker has to start first, whose user may declare") from fault


async def _declare(wire: Wire, names: Names) -> None:
    channel = await wire.channel()
    await _declare_exchanges(channel, names)
    await asyncio.gather(*(_declare_queues(wire, names, part) for part in range(4)))
    await _bind(channel, names)
    if not await _exists(wire, names.settled):
        await asyncio.sleep(probe.SETTLING)
        await _probe(wire, [names.bulk, names.transactional, *map(names.wait, range(RUNGS))])
        await channel.exchange_declare(names.settled, exchange_type="fanout", durable=True, internal=True)
    await channel.close()


async def _declare_exchanges(channel: Channel, names: Names) -> None:
    await channel.exchange_declare(names.feedback, exchange_type="topic", durable=True)
    await channel.exchange_declare(names.bulk, exchange_type="fanout", durable=True, internal=True)
    await channel.exchange_declare(
        names.tickets, exchange_type="topic", durable=True, internal=True, arguments={"alternate-exchange": names.bulk}
    )
    await channel.exchange_declare(
        names.held, exchange_type="direct", durable=True, arguments={"alternate-exchange": names.bulk}
    )
    for rung in range(RUNGS):
        await channel.exchange_declare(
            names.wait(rung),
            exchange_type="headers",
            durable=True,
            arguments={"alternate-exchange": _below(names, rung)},
        )


def _below(names: Names, rung: int) -> str:
    return names.wait(rung - 1) if rung else names.tickets


def _queues(names: Names) -> list[tuple[str, dict[str, Any]]]:
    kept = {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}
    waits = [
        (
            names.wait(rung),
            {
                "x-queue-type": "quorum",
                "x-message-ttl": 1000 << rung,
                "x-dead-letter-exchange": _below(names, rung),
                # At least once needs this overflow: without it the broker falls back to at most once in silence.
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        for rung in range(RUNGS)
    ]
    return [(names.bulk, kept), (names.transactional, kept), (names.sites, kept), *waits]


async def _declare_queues(wire: Wire, names: Names, part: int) -> None:
    """Every fourth queue: a declaration waits for the broker's disk, so that four at a time are faster."""
    channel = await wire.channel()
    for name, arguments in _queues(names)[part::4]:
        await channel.queue_declare(name, durable=True, arguments=arguments)
    await channel.close()
    if part < 2:
        await _declare_or_accept(wire, (names.feedback, names.rejected)[part])


async def _declare_or_accept(wire: Wire, queue: str) -> None:
    """A quorum queue, or whatever an installation has put in its place."""
    channel = await wire.channel()
    try:
        await channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        await channel.close()
    except ChannelPreconditionFailed:
        return


async def _bind(channel: Channel, names: Names) -> None:
    await channel.queue_bind(names.feedback, names.feedback, "#")
    await channel.queue_bind(names.bulk, names.bulk)
    await channel.queue_bind(names.transactional, names.tickets, "transactional.#")
    for rung in range(RUNGS):
        await channel.queue_bind(names.wait(rung), names.wait(rung), arguments={"x-match": "all", wait(rung): True})
    # Last, so that from the moment it is there what is published to it has somewhere to go.
    await channel.exchange_declare(names.jobs, exchange_type="topic", durable=True)
    await channel.exchange_bind(names.tickets, names.jobs, "#")


async def _exists(wire: Wire, exchange: str) -> bool:
    channel = await wire.channel()
    try:
        await channel.exchange_declare(exchange, passive=True)
        await channel.close()
    except ChannelNotFoundEntity:
        return False
    return True


async def _probe(wire: Wire, queues: list[str]) -> None:
    """Send a message through every queue, and fetch it unless another worker has."""
    channel = await wire.channel()
    await probe.send(channel, queues)
    for queue in queues:
        fetched = await channel.basic_get(queue)
        if probe.PROBE in (fetched.header.properties.headers or {}) and fetched.delivery_tag is not None:
            await channel.basic_ack(fetched.delivery_tag)
    await channel.close()  # whatever else was fetched goes back
