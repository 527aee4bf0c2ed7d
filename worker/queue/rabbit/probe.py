"""Messages of our own that show whether a young queue can be trusted; whoever meets one drops it."""

from collections.abc import Iterable

from aiormq import spec
from aiormq.channel import Channel

PROBE = "x-probe"
SETTLING = 1.0
"""Seconds from a quorum queue's declaration until it is tried: one whose broker is killed within its first second may never
find its leader again."""


async def send(channel: Channel, queues: Iterable[str], *, timeout: float | None = None) -> None:
    """One through each queue; returns when the broker has confirmed them all, each within `timeout` seconds."""
    properties = spec.Basic.Properties(delivery_mode=2, headers={PROBE: True})
    for queue in queues:
        await channel.basic_publish(b"", routing_key=queue, properties=properties, mandatory=True, timeout=timeout)
