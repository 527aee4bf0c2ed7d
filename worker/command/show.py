"""Tables for people, none of them cut."""

import sys

from rich.console import Console, RenderableType
from rich.measure import Measurement

_WIDEST = 200


def show(table: RenderableType) -> None:
    """Print a table, or several, on stdout: in a terminal at least as wide as it can be folded, else as wide as it likes."""
    console = Console()
    measured = Measurement.get(console, console.options.update(max_width=_WIDEST), table)
    wanted = measured.minimum if sys.stdout.isatty() else measured.maximum
    console.width = max(console.width, wanted)
    console.print(table)
