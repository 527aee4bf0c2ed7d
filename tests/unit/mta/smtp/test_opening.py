"""What is noted while a connection is opened."""

import asyncio

from mta.routing.security import Security
from mta.smtp.opening import Manners, Opening
from mta.smtp.wire import Wire
from mta.traffic.rule import Timeouts

MANNERS = Manners(
    helo="mta.example",
    name="mx.example",
    security=Security(wanted=False),
    login=None,
    loopback=False,
    timeouts=Timeouts(),
)


async def test_of_what_a_server_says_at_first_only_the_beginning_of_each_reply_is_kept() -> None:
    wire = Wire(asyncio.get_running_loop(), 1.0)
    opening = Opening(wire, MANNERS)
    wire.data_received(b"220-" + b"x" * 5000 + b"\r\n220 ready\r\n")
    await wire.greeting.future
    [(_, noted)] = opening.dialogue()
    assert len(noted) == 1024
    assert wire.script is None
