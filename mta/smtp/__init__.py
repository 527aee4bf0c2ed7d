"""Sessions with receiving servers: dialled, kept, pipelined, and closed in good order.

`Relay` is the seam that a delivery uses: one mail, one attempt. Everything that can go wrong on the way is a value in the
attempt's ending; a relay raises nothing but `asyncio.CancelledError`.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from mta.attempt import Attempt, Broken
from mta.envelope import Envelope
from mta.lane import Lane
from mta.routing.route import Route
from mta.traffic.rule import Rule


class Offers(Struct, frozen=True, kw_only=True):
    """What a server announced after EHLO, on the connection as it will be used (after STARTTLS)."""

    eightbitmime: bool = False
    smtputf8: bool = False
    pipelining: bool = False
    chunking: bool = False
    size: int | None = None  # octets; None: no limit announced


class Mail(Struct, frozen=True, kw_only=True):
    """One message to relay.

    `compose` gives the signed octets in a form the server can take (7-bit where it must be), CRLF line ends, ending in
    CRLF, no line over 998 octets; or says why there is no such form. It is called when the session is ready for it, or is
    about to be, and again only if a second host offers less. `hindrance` is asked in the moment before MAIL leaves, and what
    it answers ends the attempt there. `test`: stop after RCPT TO.
    """

    envelope: Envelope
    compose: Callable[[Offers], Awaitable[bytes | Broken]]
    test: bool = False
    hindrance: Callable[[], Broken | None] = lambda: None


Intend = Callable[[], Awaitable[bool]]
"""Commits that the final dot is about to leave. False: the claim was lost, the dot must not be sent."""


class Relay(Protocol):
    async def send(self, mail: Mail, lane: Lane, route: Route, rule: Rule, intend: Intend) -> Attempt:
        """Make one attempt: hosts of the route in order, the next one only while nothing speaks about this mail (not
        reached, no greeting, no EHLO, no TLS, 421), never after the final dot."""

    def open(self, lane: Lane) -> int:
        """Connections open in a lane, or being opened or closed."""

    def trim(self, lane: Lane, connections: int) -> None:
        """Have no more than so many connections in a lane: close idle ones now, busy ones after their transaction."""

    async def close(self) -> None:
        """QUIT every idle session; busy ones end after their transaction."""
