"""The seam towards the store in which all workers keep the accounts of their lanes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mta.traffic.pace import Change
from mta.traffic.shares import Account, Ask, Grant


@dataclass(frozen=True, slots=True)
class Answers:
    """The grants for the lanes asked for, in their order, with the time `at` which they were made. That time, and all
    times in grants, are the store's: workers' clocks differ, and leases need one."""

    at: float
    grants: list[Grant]


@dataclass(frozen=True, slots=True)
class Changed:
    """A change as it was recorded, with the name of its lane."""

    lane: str
    change: Change


class Shares(Protocol):
    """Where the accounts are kept: a table that all workers share, or the file of the only one."""

    async def open(self) -> None:
        """Raises `SharesAway`; may be called again then."""

    async def close(self) -> None: ...

    async def refresh(self, asks: Sequence[Ask]) -> Answers:
        """Each account loaded, refreshed and kept as one step, all of them with one look-up and one update; the changes
        that come of it are recorded, and all other workers are called to the lanes that were slowed down or closed, or of
        which others hold what is due to this one.

        Raises:
            SharesAway: nothing is known to have happened; go on within the leases that have not run out.
        """

    async def called(self) -> set[str]:
        """The names of lanes that another worker's refresh calls for one in: waits until there are any. Some may be missed,
        when the store was away. Where there is but one worker it waits for ever. Cancelling is safe."""

    async def known(self, lanes: Sequence[str]) -> dict[str, Account]:
        """What is known of these lanes. Raises `SharesAway`."""

    async def changes(self, lanes: Sequence[str], limit: int) -> list[Changed]:
        """The last changes in these lanes, the newest first. Raises `SharesAway`."""

    async def tidy(self) -> None:
        """Forget old changes, and lanes that nobody has sent in for a season. Raises `SharesAway`."""


class SharesAway(Exception):
    """The store of the accounts cannot be reached, or broke off."""
