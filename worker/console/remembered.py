"""What costs the store something is looked up the more rarely the longer it takes."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from feedback.store import StoreAway

T = TypeVar("T")

THRIFT = 20.0
"""So many times what a look-up took passes until the next: looking costs the store a twentieth of its time at most."""

MOST = 2000
"""Answers kept; those asked for least lately go first."""


@dataclass(slots=True)
class _Kept:
    until: float = 0.0
    answer: Any = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Remembered:
    """Answers by key; of those who ask at the same time one looks and all are told. `clock` in seconds, never back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._looking: dict[tuple[object, ...], asyncio.Task[Any]] = {}

    def known(self, key: tuple[object, ...]) -> bool:
        """Whether `get` would answer at once."""
        kept = self._kept.get(key)
        return kept is not None and self._clock() < kept.until

    async def glance(
        self, key: tuple[object, ...], look: Callable[[], Awaitable[T]], least: float = 1.0, patience: float = 1.0
    ) -> T | None:
        """As `get`, but waiting no longer than `patience` seconds: then it is the answer before, or None, and the look-up goes
        on by itself. None, too, where the store gave up on it."""

        async def tried() -> T | None:
            try:
                return await look()
            except StoreAway:
                return None

        looking = self._looking.get(key)
        if looking is None:
            looking = self._looking[key] = asyncio.create_task(self.get(key, tried, least))
            looking.add_done_callback(lambda _: self._looking.pop(key, None))
        await asyncio.wait([looking], timeout=patience)
        kept = self._kept.get(key)
        answer: T | None = looking.result() if looking.done() else kept.answer if kept else None
        return answer

    async def get(self, key: tuple[object, ...], look: Callable[[], Awaitable[T]], least: float = 1.0) -> T:
        """The answer to `key`: of the last `least` seconds or a little longer, or looked up. Raises what `look` raises."""
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        if len(self._kept) > MOST:
            self._kept.popitem(last=False)
        async with kept.turn:
            if self._clock() >= kept.until:
                began = self._clock()
                kept.answer = await look()
                kept.until = self._clock() + max(least, THRIFT * (self._clock() - began))
            answer: T = kept.answer
            return answer
