"""The seam towards the store in which all workers keep the accounts of their lanes."""

from collections.abc import Sequence
from typing import Protocol

from mta.traffic.shares import Ask, Grant


class Shares(Protocol):
    """Where the accounts are kept: a table that all workers share, or the memory of the only one."""

    async def refresh(self, asks: Sequence[Ask]) -> list[Grant]:
        """The grants for these lanes, in their order: each account loaded, refreshed and kept as one step, all of them
        with one look-up and one update.

        Raises:
            SharesAway: nothing is known to have happened; go on within the leases that have not run out.
        """


class SharesAway(Exception):
    """The store of the accounts cannot be reached, or broke off."""
