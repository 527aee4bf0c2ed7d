"""The way from a worker to an outside thing and back: it takes time, and breaks in every way that wires break."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.world.loop import PROCESS, Process, WorldLoop

T = TypeVar("T")


@dataclass(slots=True)
class Nerves:
    """How bad things are. Shares are of calls; seconds where it says so. All of it can be put to rest at once."""

    lost: float = 0.0
    """Calls that break off, before or after they took effect."""
    slow: float = 0.0
    """Calls that take seconds."""
    usual: float = 0.005
    """Seconds a call takes one way, about."""

    def rest(self) -> None:
        self.lost = self.slow = 0.0
        self.usual = 0.001


@dataclass(slots=True)
class Wire:
    """The calls to one thing. `fault` is how its seam says that it is away."""

    loop: WorldLoop
    rng: random.Random
    fault: Callable[[str], Exception]
    nerves: Nerves
    away: bool = False
    cut: set[str] = field(default_factory=set)
    """Processes that cannot reach it."""
    noted: Callable[[str, str], None] = lambda kind, text: None

    async def call(self, what: str, act: Callable[[], T]) -> T:
        """What `act` answers, done at one instant on the way. May raise the thing's fault, whether it was done or not."""
        process = PROCESS.get()
        answer: asyncio.Future[T] = self.loop.create_future()
        handle = self.later(process, self._arrive, process, what, act, answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if self.rng.random() < 0.5:
                handle.cancel()
            raise

    def reaches(self, process: Process | None) -> bool:
        return not self.away and (process is None or process.name not in self.cut)

    def unlucky(self) -> bool:
        return self.nerves.lost > 0 and self.rng.random() < self.nerves.lost

    def _delay(self) -> float:
        if self.nerves.slow and self.rng.random() < self.nerves.slow:
            return self.rng.uniform(0.5, 8.0)
        return self.rng.expovariate(1 / self.nerves.usual)

    def later(self, process: Process | None, step: Callable[..., None], *args: Any) -> asyncio.TimerHandle:
        """As the world's own step: what has been sent arrives, whatever becomes of its sender."""
        handle: asyncio.TimerHandle
        token = PROCESS.set(None)
        try:
            if process is None:
                return self.loop.call_later(self._delay(), step, *args)  # type: ignore[no-any-return]

            def arrived() -> None:
                process.wire.pop(handle, None)
                step(*args)

            handle = self.loop.call_later(self._delay(), arrived)
            process.wire[handle] = None
        finally:
            PROCESS.reset(token)
        return handle

    def _arrive(self, process: Process | None, what: str, act: Callable[[], T], answer: "asyncio.Future[T]") -> None:
        if _meets(process, what, "before"):
            return
        lost = self.unlucky()
        if not self.reaches(process) or (lost and self.rng.random() < 0.5):
            self.later(None, self._break, what, answer)
            return
        result = act()
        if _meets(process, what, "after"):
            return
        if lost:
            self.noted("answer lost", what)
        self.later(None, self._break if lost else self._answer, what, answer, *(() if lost else (process, result)))

    def _answer(self, what: str, answer: "asyncio.Future[T]", process: Process | None, result: T) -> None:
        if not self.reaches(process):
            self._break(what, answer)
        elif not answer.done():
            answer.set_result(result)

    def _break(self, what: str, answer: "asyncio.Future[Any]") -> None:
        if not answer.done():
            answer.set_exception(self.fault(what))


def _meets(process: Process | None, what: str, when: str) -> bool:
    """Whether this is the call at which the process was to die."""
    if process is None or process.dead or process.fatal_call != (what, when):
        return False
    process.die()
    return True
