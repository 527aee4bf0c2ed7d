"""How many messages wait in a queue of RabbitMQ's."""

from contextlib import suppress

import aio_pika


async def ready(url: str, queue: str) -> int | None:
    """Those that no consumer has; None: there is no such queue."""
    async with await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        with suppress(aio_pika.exceptions.ChannelNotFoundEntity):
            return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count
    return None
