"""The weather at sites kept in the store, so that all workers see a storm together and a restart does not forget it."""

from collections.abc import Mapping
from typing import Protocol

from feedback.qualifier.storm import Counts, Weather


class Almanac(Protocol):
    """What all workers have counted at each site. Every method may raise `StoreAway`."""

    async def open(self) -> None:
        """Connect, and forget sites that nobody has heard of for a month."""

    async def close(self) -> None: ...

    async def exchange(self, counts: Mapping[str, Counts], now: float) -> dict[str, Weather]:
        """Add what one worker has counted at sites since the last time; returns the weather there now (POSIX seconds), and
        that of every site where it storms.

        When the store breaks off in the middle, a repeat may count twice, which moves no share.
        """

    async def kept(self) -> dict[str, Weather]:
        """The weather at all sites, as it was when they were last heard of."""
