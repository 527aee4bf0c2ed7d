"""How many of a busy site's tickets may be on their way to the gate, and when it is worth taking more.

Pure: times are given, in seconds of any clock that does not go back.
"""

from collections.abc import Hashable
from math import inf

FEW, LEAST = 32, 8
"""Tickets on the way below which a site is short of room, and how many there are always."""
QUICK, SLOW = 0.5, 1.0
"""Seconds of waiting for leave below which more tickets are taken, and above which fewer: whoever waits no longer than that has
gone before he could have come back from a queue of the site's own."""
ROUND = 1.0
"""Seconds between two halvings, for tickets that set out together are refused together."""
SOON, LONGEST = 2.0, 20.0
"""Seconds after which a site that takes nothing is looked at again, whatever was said; twice as long after each look in vain,
up to the longest. Pauses end early, orders change, and when a line will be short was a guess."""
_MEMORY = 30.0  # seconds of the site's traffic in which a lane must have been seen to count


class Portion:
    """One site's. `on_the_way`: tickets taken, of which the gate has said nothing yet."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.limit = most
        self.on_the_way = 0
        self._lanes: dict[Hashable, tuple[float, float]] = {}  # closed until, and when that was heard
        self._look = SOON
        self._halved = -inf

    def passed(self, lane: Hashable, waited: float, now: float) -> None:
        """A ticket was given leave, `waited` seconds after it asked."""
        self._hear(lane, now, now)
        self._look = SOON
        if waited < QUICK:
            self.limit = min(self.limit + 1, self._most)
        elif waited > SLOW:
            self.limit = max(self.limit - 1, min(LEAST, self._most))

    def held(self, lane: Hashable, until: float, now: float) -> None:
        """A ticket was refused leave before `until`. Of several the earliest holds: the later ones are places in a line."""
        closed, _ = self._lanes.get(lane, (now, now))
        if closed <= now:
            closed = min(until, now + self._look)
            self._look = min(2 * self._look, LONGEST)
        self._hear(lane, closed, now)
        if self.opens(now) > now and now - self._halved >= ROUND:
            self._halved = now
            self.limit = max(self.limit // 2, min(LEAST, self._most))

    def opens(self, now: float) -> float:
        """When the first of the site's lanes is open: `now`, or later."""
        return max(now, min((closed for closed, _ in self._lanes.values()), default=now))

    def free(self, now: float) -> int:
        """How many more tickets to take."""
        return 0 if self.opens(now) > now else self.room

    @property
    def room(self) -> int:
        """How many more there would be room for, were the site open."""
        return max(self.limit - self.on_the_way, 0)

    def tight(self, now: float) -> bool:
        """Whether it is no matter of moments until there is room again: the site takes nothing, or its tickets wait."""
        return self.opens(now) > now or self.limit < min(FEW, self._most)

    def forget(self) -> None:
        """What the lanes said holds no more."""
        self._lanes.clear()
        self._look = SOON

    def _hear(self, lane: Hashable, closed: float, now: float) -> None:
        self._lanes[lane] = closed, now
        if len(self._lanes) > 1:
            self._lanes = {each: said for each, said in self._lanes.items() if said[1] >= now - _MEMORY}
