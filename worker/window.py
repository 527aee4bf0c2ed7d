"""The doubt window: how many messages of a lane may be between their intent and their recorded outcome at once.

A worker killed at any instant leaves just these in doubt. As many as a lane has connections are needed to keep them busy;
what follows behind another's final dot waits with its own dot until one of them is recorded.
"""

import asyncio
from collections import Counter, deque

from mta.lane import Lane


class Window:
    """Entered before an intent is committed, left after the outcome is."""

    def __init__(self) -> None:
        self._inside: dict[str, Lane] = {}
        self._counts: Counter[Lane] = Counter()
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {}

    def __len__(self) -> int:
        return len(self._inside)

    async def enter(self, job_id: str, lane: Lane, limit: int) -> None:
        """Wait until fewer than `limit` of the lane are inside, then be one of them. Cancelling is safe.

        A job is inside once: what is left of an earlier delivery of it holds no intent any more, or it could not be ours.
        """
        while self._counts[lane] >= limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(lane, deque()).append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                self._wake(lane)  # the turn may have come already: pass it on
                raise
        self.leave(job_id)
        self._inside[job_id] = lane
        self._counts[lane] += 1

    def leave(self, job_id: str) -> None:
        """Whoever never entered leaves nothing behind."""
        lane = self._inside.pop(job_id, None)
        if lane is None:
            return
        self._counts[lane] -= 1
        if not self._counts[lane]:
            del self._counts[lane]
        self._wake(lane)

    def _wake(self, lane: Lane) -> None:
        queue = self._waiting.get(lane, deque())
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting.pop(lane, None)
