"""One queue of the file, as one process takes from it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.queue import QueueAway
from worker.queue.sqlite.messages import Change, Message, Messages, Row

_POLL = 0.2  # seconds between two looks for what other processes published
_RETRY = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A message taken and not finished, and all that were held with it: after a close, receipts of before are void."""

    message: Message
    among: set[int] = field(repr=False)


class Shelf:
    """Takes from one queue; what is taken is not shown again until `forget`."""

    def __init__(self, messages: Messages, queue: str) -> None:
        self._messages = messages
        self._queue = queue
        self._held: set[int] = set()
        self._bell = messages.bell()
        self._turn = asyncio.Lock()

    async def take(self, limit: int) -> list[Held]:
        """Up to `limit` messages, waiting for at least one, and for the file if need be."""
        async with self._turn:
            while True:
                self._bell.clear()
                try:
                    found = await self._messages.ready(self._queue, self._held, limit)
                except QueueAway:
                    await asyncio.sleep(_RETRY)
                    continue
                if found:
                    self._held.update(message.number for message in found)
                    return [Held(message, self._held) for message in found]
                await self._rung()

    async def finish(self, held: list[Held], add: Sequence[Row] = ()) -> None:
        """Finish messages in the transaction that adds others; void receipts are passed over."""
        numbers = [each.message.number for each in held if each.among is self._held]
        numbers = [number for number in numbers if number in self._held]
        if numbers or add:
            await self._messages.change(Change(add, numbers))
            self._held.difference_update(numbers)

    def forget(self) -> None:
        self._held = set()

    async def _rung(self) -> None:
        try:
            async with asyncio.timeout(_POLL):
                await self._bell.wait()
        except TimeoutError:
            return
