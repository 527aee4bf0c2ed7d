"""The tracker's side of the embedded queue."""

from collections.abc import Sequence
from pathlib import Path

from feedback.stream import FeedbackMessage
from worker.queue.sqlite.messages import Messages
from worker.queue.sqlite.names import Names
from worker.queue.sqlite.shelf import Shelf


class SqliteFeedback:
    """`FeedbackStream` on a SQLite file, for one tracker."""

    def __init__(self, path: str | Path, prefix: str = "mta") -> None:
        self._messages = Messages(Path(path))
        self._shelf = Shelf(self._messages, Names(prefix).feedback)

    async def open(self) -> None:
        await self._messages.open()

    async def close(self) -> None:
        self._shelf.forget()
        await self._messages.close()

    async def take(self, limit: int) -> list[FeedbackMessage]:
        return [FeedbackMessage(held.message.row.body, receipt=held) for held in await self._shelf.take(limit)]

    async def done(self, messages: Sequence[FeedbackMessage]) -> None:
        await self._shelf.finish([message.receipt for message in messages])
