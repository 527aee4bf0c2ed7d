"""The store's time, as a worker reckons it: leases of many workers need one clock."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

_SAMPLES = 8


class StoreClock:
    """Runs with the event loop's clock, which never goes back, at the distance that answers of the store have shown.

    An answer's time was read after the question left, so time reckoned from the question is never behind the store's: a
    lease ends here a little early, not late. Of the last few answers the quickest tells the distance best.
    """

    def __init__(self, local: Callable[[], float] = time.time) -> None:
        """`local`: this machine's clock, which serves until the store's is known."""
        self._local = local
        self._distances: deque[float] = deque(maxlen=_SAMPLES)
        self._distance: float | None = None
        self._steady: Callable[[], float] = time.monotonic

    def now(self) -> float:
        """POSIX seconds: the store's, or before its first answer this machine's."""
        if self._distance is None:
            return self._local()
        return self._steady() + self._distance

    def heard(self, at: float, asked_at: float) -> None:
        """An answer that was given at `at` by the store's clock, to a question asked at `asked_at` by the loop's."""
        self._steady = asyncio.get_running_loop().time
        self._distances.append(at - asked_at)
        self._distance = min(self._distances)
