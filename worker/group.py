"""Group commit: calls made at about the same time share one statement, one publish, one fsync."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Group(Generic[Item, Answer]):
    """`join(item)` hands the item to `flush` together with whatever else is waiting; awaiting it gives the item's answer.

    One flush runs at a time; what arrives meanwhile goes with the next. `flush` answers in the order of its items; what it
    raises reaches everyone in its batch. A batch that is not full waits `linger` seconds for company, if there were `least` in
    the one before. A caller that is cancelled does not take its item back.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        limit: int,
        linger: float = 0.0,
        least: int = 0,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._linger = linger
        self._least = least
        self._latest = 0  # items in the batch before
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._full = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def join(self, item: Item) -> "asyncio.Future[Answer]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, answer))
        if len(self._waiting) >= self._limit:
            self._full.set()
        if self._running is None:
            self._running = loop.create_task(self._run())
        return answer

    async def _run(self) -> None:
        while self._waiting:
            await self._company()
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            items = [item for item, _ in batch]
            self._latest = len(items)
            [flushed] = await asyncio.gather(self._flush(items), return_exceptions=True)
            _hand_out(flushed, [answer for _, answer in batch])
        self._running = None

    async def _company(self) -> None:
        if self._linger and self._latest >= self._least and len(self._waiting) < self._limit:
            self._full.clear()
            asyncio.get_running_loop().call_later(self._linger, self._full.set)
            await self._full.wait()


def _hand_out(flushed: Sequence[Answer] | BaseException, waiting: "list[asyncio.Future[Answer]]") -> None:
    for number, future in enumerate(waiting):
        if future.done():
            continue
        if isinstance(flushed, BaseException):
            future.set_exception(flushed)
        else:
            future.set_result(flushed[number])
