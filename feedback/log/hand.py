"""Which jobs this process has in hand, whatever the store says of their owner."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Hand:
    """Jobs held, and jobs asked for by calls still under way.

    A claim of ours in the store that is neither was made by a call whose answer got lost, and may be made again. A job
    held that the store knows as another's was lost; whoever still works on it here must find out before it is taken anew.
    """

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._asked: Counter[str] = Counter()

    @contextmanager
    def asking(self, job_ids: Iterable[str]) -> Iterator[None]:
        """While a call that may make these ours is under way."""
        asked = set(job_ids)
        self._asked.update(asked)
        try:
            yield
        finally:
            self._asked.subtract(asked)
            for job_id in asked:
                if not self._asked[job_id]:
                    del self._asked[job_id]

    def keep(self, job_ids: Iterable[str]) -> None:
        self._held.update(job_ids)

    def drop(self, job_ids: Iterable[str]) -> None:
        self._held.difference_update(job_ids)

    def holds(self, job_id: str) -> bool:
        return job_id in self._held

    def contests(self, job_id: str) -> bool:
        """Another call than the one that asks, in this process, may have just made it ours."""
        return self._asked[job_id] > 1

    def full(self) -> list[str]:
        """All of them, the ones asked for too."""
        return list(self._held | self._asked.keys())
