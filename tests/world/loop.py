"""An event loop of virtual time on which whole worker processes live, each to be frozen or killed between any two steps.

Callbacks run in the order asyncio promises. Only timers that fall due at the same instant come in an order of the seed's,
and time passes only when nothing else is left to do.
"""

import asyncio
import contextvars
import heapq
import random
import warnings
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

PROCESS: "contextvars.ContextVar[Process | None]" = contextvars.ContextVar("process", default=None)
"""Whose step is being run; None: the world's own."""

_MANY = 3_000_000
"""Steps after which a world counts as one that never comes to rest."""


class Process:
    """A worker process as the loop sees it. Once dead, none of its steps is ever run again: nothing is cleaned up."""

    def __init__(self, name: str, died: "Callable[[Process], None]") -> None:
        self.name = name
        self.dead = False
        self.steps = 0
        self.fatal_step: int | None = None
        self.fatal_call: tuple[str, str] | None = None  # what is called, and `before` or `after` it takes effect
        self.wire: dict[asyncio.Handle, None] = {}  # what it has sent and nobody has received yet
        self.frozen = False
        self.kept: list[asyncio.Handle] = []
        self._died = died

    def die(self) -> None:
        if not self.dead:
            self.dead = True
            self._died(self)


class _Task(asyncio.Task[Any]):
    """A task that sets keep at a place which does not depend on its address, lest a seed come out otherwise next time."""

    _numbers = count()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class WorldLoop(asyncio.AbstractEventLoop):
    """Just what tasks, futures and timers need."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._now = 1000.0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, float, int, asyncio.TimerHandle]] = []
        self._tasks: list[_Task] = []
        self._numbers = count()
        self._over = False
        self.steps = 0
        self.faults: list[str] = []
        """What callbacks raised."""
        _Task._numbers = count()

    def time(self) -> float:
        return self._now

    def run_until_complete(self, future: Coroutine[Any, Any, T]) -> T:  # type: ignore[override]
        task = self.create_task(future)
        events._set_running_loop(self)
        try:
            while not task.done():
                self._step()
        finally:
            events._set_running_loop(None)
        result: T = task.result()
        return result

    def _step(self) -> None:
        if not self._ready:
            self._pass_time()
        handle = self._ready.popleft()
        if handle._cancelled:
            return
        process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is not None:
            if process.dead:
                return
            if process.frozen:
                process.kept.append(handle)
                return
            process.steps += 1
            if process.fatal_step is not None and process.steps >= process.fatal_step:
                process.die()
                return
        self.steps += 1
        if self.steps > _MANY:
            raise RuntimeError("the world never comes to rest")
        handle._run()

    def _pass_time(self) -> None:
        while self._timers:
            when, _, _, handle = heapq.heappop(self._timers)
            if not handle._cancelled:
                self._now = max(self._now, when)
                self._ready.append(handle)
                return
        raise RuntimeError("nothing will ever happen again")

    def thaw(self, process: Process) -> None:
        process.frozen = False
        self._ready.extend(process.kept)
        process.kept = []

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if not self._over:
            heapq.heappush(self._timers, (when, self._rng.random(), next(self._numbers), handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> Any:
        task = _Task(coro, loop=self, name=name or "task", context=context)
        self._tasks.append(task)
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._over

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._over and "never retrieved" not in context["message"]:
            self.faults.append(f"{context['message']}: {context.get('exception')!r}")

    def dissolve(self) -> None:
        """Let go of everything that will never run again, quietly."""
        self._over = True
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of coroutines whose process died before they began
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    _close(task.get_coro())
        self._ready.clear()
        self._timers.clear()
        self._tasks.clear()


def _close(coroutine: Any) -> None:
    for _ in range(5):  # what it awaits in its last words is closed the next time
        try:
            coroutine.close()
        except BaseException:  # noqa: BLE001 - nobody is left to hear it
            continue
        return
