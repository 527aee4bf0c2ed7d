"""Which sites are busy: those of which much mail comes, or much cannot go at once. Pure: times are given, in seconds."""

import math
from dataclasses import dataclass

MANY, MANY_HELD = 1000.0, 20.0
"""Tickets of a site within about a minute, and those of them that could not go, from which on it is busy."""
QUIET = 600.0
"""Seconds without a single ticket after which a busy site is so no longer: long after its traffic has sunk below the
limits above, so that no site comes and goes."""
_FADING = 60.0
_SITES = 4096


@dataclass(slots=True)
class _Count:
    """Faded to `at`."""

    all: float = 0.0
    held: float = 0.0
    at: float = 0.0

    def fade(self, now: float) -> None:
        share = math.exp((self.at - now) / _FADING)
        self.all, self.held, self.at = self.all * share, self.held * share, now

    @property
    def busy(self) -> bool:
        return self.all >= MANY or self.held >= MANY_HELD


class Census:
    """Counts tickets by site; each counts less with every second."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}
        self._busy: set[str] = set()  # when last counted: no site becomes busy otherwise

    def count(self, site: str, now: float, *, held: bool) -> None:
        count = self._counts.get(site)
        if count is None:
            if len(self._counts) >= _SITES:
                self._thin(now)
            count = self._counts[site] = _Count(at=now)
        count.fade(now)
        count.all += 1
        count.held += held
        if count.busy:
            self._busy.add(site)

    def busy(self, now: float) -> list[str]:
        """The busy sites, those with the most tickets held, and then the most tickets, first."""
        for site in self._busy:
            self._counts[site].fade(now)
        self._busy = {site for site in self._busy if self._counts[site].busy}
        return sorted(self._busy, key=lambda site: (-self._counts[site].held, -self._counts[site].all))

    def _thin(self, now: float) -> None:
        """Forget the half of the sites with the least mail."""
        for count in self._counts.values():
            count.fade(now)
        kept = sorted(self._counts, key=lambda site: -self._counts[site].all)[: _SITES // 2]
        self._counts = {site: self._counts[site] for site in kept}
        self._busy &= self._counts.keys()
