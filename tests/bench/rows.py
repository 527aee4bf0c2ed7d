"""What a benchmark has found, as rows of a table and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

_BUILD = Path(__file__).parents[2] / "build"


@dataclass(frozen=True)
class Row:
    what: str
    figure: str
    bound: str
    held: bool


def tell(console: Console, rows: Sequence[Row], name: str) -> None:
    """Print them, and write `build/bench-NAME.json`."""
    table = Table("what", "figure", "bound", "held")
    for row in rows:
        table.add_row(row.what, row.figure, row.bound, "yes" if row.held else "NO")
    console.print(table)
    _BUILD.mkdir(exist_ok=True)
    (_BUILD / f"bench-{name}.json").write_text(json.dumps({"rows": list(map(asdict, rows))}, indent=1) + "\n")
