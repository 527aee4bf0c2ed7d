"""New egress sources are warmed up: each sends a part of its final daily volume to a site, more on every day it sends.

`mta.traffic.ramp` has the rule; here are the store that remembers where sources stand (`RampBook`), and the gate before the
gate that keeps to it.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from mta.traffic.ramp import Ramp


class Count(NamedTuple):
    """What was sent in a lane since the last time: messages, those of them refused for our traffic, and the final daily
    volume of the lane's source."""

    sent: int
    refused: int
    volume: int


class RampBook(Protocol):
    """Where all sources stand. Every method may raise `StoreAway`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def add(self, counts: Mapping[str, Count], date: int) -> dict[str, Ramp]:
        """Add what a worker has sent on a date (days since the epoch), by lane; answers where these lanes stand now, with
        what all workers have sent."""

    async def known(self, lanes: list[str]) -> dict[str, Ramp]:
        """Where these lanes stand, as far as they have begun."""
