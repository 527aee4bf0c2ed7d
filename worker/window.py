"""The doubt window: how many messages of a lane may be between their intent and their recorded outcome at once.

A worker killed at any instant leaves just these in doubt. A lane needs as many as it has connections for its dots, and as
many again that have their answers and are on the way to the disk; what comes then waits with its own dot until one of them
is recorded.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from mta.lane import Lane

FOR_EACH_CONNECTION = 2
"""Messages inside for each connection of a lane. With one alone it is the commits that say how fast a lane may be, not its
connections: before and after each dot they take several times as long as the server takes to answer it."""


@dataclass(slots=True)
class _Door:
    """A lane's: its limit, which changes with the worker's part of the connections, and who waits, first come first served."""

    limit: int = 0
    inside: int = 0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    def admit(self) -> None:
        while self.waiting and self.inside < self.limit:
            turn = self.waiting.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)


class Window:
    """Entered before an intent is committed, left after the outcome is."""

    def __init__(self) -> None:
        self._inside: dict[str, Lane] = {}
        self._doors: dict[Lane, _Door] = {}

    def __len__(self) -> int:
        return len(self._inside)

    async def enter(self, job_id: str, lane: Lane, limit: int) -> None:
        """Wait until fewer than `limit` of the lane are inside, then be one of them. Cancelling is safe.

        The newest limit holds for all who wait: who came under a lower one would see others go by for ever, with a
        connection in his hands. A job is inside once: what is left of an earlier delivery of it holds no intent any more, or
        it could not be ours.
        """
        door = self._doors.get(lane) or self._doors.setdefault(lane, _Door())
        door.limit = limit
        if door.waiting or door.inside >= limit:
            await self._wait(door, lane)
        else:
            door.inside += 1
        self.leave(job_id)
        self._inside[job_id] = lane

    async def _wait(self, door: _Door, lane: Lane) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        door.waiting.append(turn)
        door.admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn has come already: pass it on
                self._go(lane)
            raise

    def leave(self, job_id: str) -> None:
        """Whoever never entered leaves nothing behind."""
        if lane := self._inside.pop(job_id, None):
            self._go(lane)

    def _go(self, lane: Lane) -> None:
        door = self._doors[lane]
        door.inside -= 1
        door.admit()
        if not door.inside and not door.waiting:
            del self._doors[lane]
