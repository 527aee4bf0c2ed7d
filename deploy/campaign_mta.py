"""Where `campaign-mta` starts: its packages have plain names, so first it is seen that they are its own."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGES = ("worker", "mta", "feedback")


def main() -> None:
    """Run a command; exit code 2 when a package of another program stands where ours should."""
    here = Path(__file__).resolve().parent
    home = here if (here / PACKAGES[0]).is_dir() else here.parent  # in a checkout this file is in `deploy`
    if faults := clashes(home, sys.path):
        print(*faults, _REMEDY, sep="\n", file=sys.stderr)
        sys.exit(2)
    from worker.command import main as run

    run()


_REMEDY = (
    "campaign-mta: give it a virtual environment of its own: python3 -m venv DIR && DIR/bin/pip install campaign-mta; "
    "and leave PYTHONPATH unset"
)


def clashes(home: Path, path: Iterable[str]) -> list[str]:
    """A line for each package of another program on `path` that has a name of ours, which hides ours or is hidden by it,
    or was installed over it."""
    ours = False
    faults = []
    for folder in dict.fromkeys(Path(entry).resolve() for entry in path):
        if folder == home:
            ours = True
            continue
        faults += [
            f"campaign-mta: the package {name!r} in {place} "
            + (f"is hidden by the one in {home / name}" if ours else f"hides the one in {home / name}")
            for name in PACKAGES
            for place in (folder / name, folder / f"{name}.py")
            if place.is_file() or (place / "__init__.py").is_file()
        ]
    return [*faults, *_laid_over(home)]


def _laid_over(home: Path) -> Iterator[str]:
    for record in sorted(home.glob("*.dist-info/RECORD")):
        if record.parent.name.startswith("campaign_mta-"):
            continue
        listed = record.read_text(encoding="utf-8", errors="replace")
        for name in PACKAGES:
            if re.search(rf"^{name}(/__init__)?\.py,", listed, re.MULTILINE):
                yield f"campaign-mta: the package {name!r} in {home / name} is also that of {record.parent}"
