"""Operators' orders: given by a command or the console, kept in the store, heard by every worker within two seconds.

`OrderBook` is the seam towards the store; `postgres` and `sqlite` are its adapters, held to one conformance suite. What a
worker goes by is its own copy in memory, `worker.orders.view`.
"""

from collections.abc import Sequence
from typing import Protocol

from worker.orders.order import Order


class OrderBook(Protocol):
    """All orders ever given, in their order. Every method but `heard` may raise `StoreAway`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def give(self, orders: Sequence[Order]) -> None:
        """Write orders down and tell all workers. Of several orders on the same matter, target and pool the last one holds;
        orders from several hands are written one after the other."""

    async def newest(self) -> int:
        """The number of the last order; 0 before the first. It changes with every order given."""

    async def in_force(self, now: float) -> list[Order]:
        """Those that hold at `now`, in the order they were given; endings are not among them."""

    async def history(self, limit: int) -> list[Order]:
        """The last `limit` orders, the newest first: who ordered what, and when."""

    async def heard(self, patience: float) -> None:
        """Wait until an order may have been given, or for `patience` seconds. With the store away, and where nobody tells
        of new orders, it is always the latter: `newest` must be asked all the same. Cancelling is safe."""
