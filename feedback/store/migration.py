"""Numbered migrations: `0001_name.sql`, `0002_name.sql`, ... in a folder, each applied once, in order."""

from dataclasses import dataclass
from pathlib import Path

from feedback.store import NewerStore


@dataclass(frozen=True, slots=True)
class Migration:
    number: int
    name: str
    sql: str


def migrations(folder: Path) -> list[Migration]:
    """The migrations of a folder in the order of their numbers.

    Raises:
        ValueError: the numbers are not 1, 2, 3, ...
    """
    found = [Migration(int(path.name[:4]), path.stem, path.read_text("utf-8")) for path in sorted(folder.glob("*.sql"))]
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{folder}: migrations must be numbered 0001, 0002, ... without gaps")
    return found


def missing(wanted: list[Migration], applied: set[int], where: str) -> list[Migration]:
    """Those still to be applied; `where` is named in a refusal.

    Raises:
        NewerStore: one was applied that is not among those wanted.
    """
    known = len(wanted)
    if (newest := max(applied, default=0)) > known:
        raise NewerStore(
            f"{where} is of a newer campaign-mta: it has migration {newest}, and this one knows {known}; "
            "run the newer one, or restore a backup from before the upgrade"
        )
    return [migration for migration in wanted if migration.number not in applied]
