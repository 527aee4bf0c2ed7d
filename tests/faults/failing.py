"""The command line with faults planted in it: `python -m tests.faults.failing PLAN ... -- worker --config FILE`.

The product's code is used as it is; only the methods that a plan names are wrapped, in this process, before the command
starts. A plan is `module:Class.method/before|after/N/ACT`: at the N-th call of that method, before it begins or after it has
returned, do ACT:

    kill        this process ends as by kill -9
    stop        this process freezes as by SIGSTOP, until somebody sends it SIGCONT
    raise       the call raises what nobody expects
    sleep=S     this call and all later ones take S seconds longer

`clock=FILE` shifts what `time.time` says by the seconds that the file holds, looked up at every call; the monotonic clock
goes on as it was.
"""

import asyncio
import functools
import importlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """One planted fault, as it is written on the command line."""

    target: str
    when: str
    call: int
    act: str

    @classmethod
    def read(cls, text: str) -> "Plan":
        target, when, call, act = text.split("/")
        if when not in ("before", "after"):
            raise ValueError(f"{text}: before or after, not {when}")
        return cls(target, when, int(call), act)

    def __str__(self) -> str:
        return f"{self.target}/{self.when}/{self.call}/{self.act}"


def plant(plan: Plan) -> None:
    """Wrap the method that the plan names."""
    module, _, path = plan.target.partition(":")
    owner, name = path.split(".")
    cls = getattr(importlib.import_module(module), owner)
    setattr(cls, name, _wrapped(getattr(cls, name), plan))


def _wrapped(method: Callable[..., Awaitable[Any]], plan: Plan) -> Callable[..., Awaitable[Any]]:
    calls = 0

    @functools.wraps(method)
    async def call(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        number = calls
        if plan.when == "before":
            await _act(plan, number)
        answer = await method(*arguments, **options)
        if plan.when == "after":
            await _act(plan, number)
        return answer

    return call


async def _act(plan: Plan, number: int) -> None:
    if plan.act.startswith("sleep="):
        if number >= plan.call:
            await asyncio.sleep(float(plan.act.removeprefix("sleep=")))
    elif number == plan.call and plan.act == "raise":
        raise ZeroDivisionError(f"planted: {plan}")
    elif number == plan.call:
        os.kill(os.getpid(), signal.SIGKILL if plan.act == "kill" else signal.SIGSTOP)


def shift_clock(file: Path) -> None:
    """Have `time.time` run ahead of the true time, or behind it, by what the file says."""
    true = time.time
    time.time = lambda: true() + float(file.read_text() or 0)


def main() -> None:
    cut = sys.argv.index("--")
    for text in sys.argv[1:cut]:
        if text.startswith("clock="):
            shift_clock(Path(text.removeprefix("clock=")))  # first of all plans: modules take `time.time` as they load
        else:
            plant(Plan.read(text))
    sys.argv = ["campaign-mta", *sys.argv[cut + 1 :]]
    from worker.command import main as command

    command()


if __name__ == "__main__":
    main()
