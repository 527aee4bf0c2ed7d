"""The messages in the file: added and finished in groups, read in their turn."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

from feedback.store import StoreAway
from feedback.store.sqlite import Sqlite
from worker.group import Group
from worker.queue import QueueAway

MIGRATIONS = Path(__file__).parent / "migrations"

_GROUP = 1000  # changes in one transaction

_ADD = """
INSERT INTO queue_message (queue, due, parked, generation, content_type, headers, body) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FINISH = "DELETE FROM queue_message WHERE number = ?"

_READ = "SELECT number, queue, due, parked, generation, content_type, headers, body FROM queue_message"
_FREE = "number NOT IN (SELECT value FROM json_each(?))"
_IN_TURN = f"{_READ} WHERE queue = ? AND due <= ? AND {_FREE} ORDER BY due, number LIMIT ?"
_PUBLISHED = f"{_READ} WHERE queue = ? AND NOT parked AND {_FREE} ORDER BY number LIMIT ?"

_bells: defaultdict[Path, WeakSet[asyncio.Event]] = defaultdict(WeakSet)


class Row(NamedTuple):
    """A message to be added: `due` (POSIX seconds) is when its turn comes, `parked` whether it must not come up before."""

    queue: str
    due: float
    parked: bool
    generation: int
    content_type: str | None
    headers: str
    body: bytes


class Message(NamedTuple):
    number: int
    row: Row


@dataclass(frozen=True, slots=True)
class Change:
    """Rows to add and messages to finish, all or none of them."""

    add: Sequence[Row] = ()
    finish: Sequence[int] = ()


class Messages:
    """The table in one file. Methods raise `QueueAway` when the file is not to be had."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._store = Sqlite(path)
        self._changes: Group[Change, None] = Group(self._write, limit=_GROUP)
        self._last: asyncio.Future[None] | None = None

    async def open(self) -> None:
        with away():
            await self._store.open()
            await self._store.migrate("queue", MIGRATIONS)

    async def close(self) -> None:
        """Close after the changes under way."""
        if self._last is not None:
            await asyncio.wait([self._last])
        await self._store.close()

    def bell(self) -> asyncio.Event:
        """A new bell; it rings whenever something in this process added messages to this file."""
        bell = asyncio.Event()
        _bells[self._path].add(bell)
        return bell

    async def change(self, change: Change) -> None:
        """Write a change, together with others that are made at the same time; it is on disk when this returns."""
        self._last = self._changes.join(change)
        await self._last
        if change.add:
            for bell in _bells[self._path]:
                bell.set()

    async def ready(self, queue: str, held: Collection[int], limit: int) -> list[Message]:
        """The next messages of a queue whose turn it is, except those in `held`."""
        taken = json.dumps(list(held))
        with away():
            async with self._store.transaction(write=False) as connection:
                rows = await connection.execute_fetchall(_IN_TURN, (queue, time.time(), taken, limit))
                if not rows:
                    # Published before the clock was set back.
                    rows = await connection.execute_fetchall(_PUBLISHED, (queue, taken, limit))
        return [Message(row[0], Row(*row[1:])) for row in rows]

    async def _write(self, changes: Sequence[Change]) -> list[None]:
        with away():
            async with self._store.transaction() as connection:
                if added := [row for change in changes for row in change.add]:
                    await connection.executemany(_ADD, added)
                if finished := [(number,) for change in changes for number in change.finish]:
                    await connection.executemany(_FINISH, finished)
        return [None] * len(changes)


@contextmanager
def away() -> Iterator[None]:
    try:
        yield
    except StoreAway as fault:
        raise QueueAway(f"the queue's file: {fault}") from fault
