"""Progress of long work: a bar on a terminal, plain lines elsewhere. Always on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_LINE_EVERY = 5.0


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function to be told how much is done so far."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(what, total, console)
        return
    rate = TextColumn("{task.fields[rate]}/s")
    with Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn(), console=console
    ) as bar:
        task = bar.add_task(what, total=total, rate="0")
        began = time.monotonic()

        def show(done: int) -> None:
            bar.update(task, completed=done, rate=f"{done / max(time.monotonic() - began, 0.001):,.0f}")

        yield show


def _lines(what: str, total: int, console: Console) -> Callable[[int], None]:
    began = said = time.monotonic()

    def show(done: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= _LINE_EVERY or done == total:
            said = now
            console.print(f"{what}: {done:,} of {total:,}, {done / max(now - began, 0.001):,.0f}/s", highlight=False)

    return show
