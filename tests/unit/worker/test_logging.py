"""The list of log events in deploy/LOGS.md is the whole list: what is said is in it, and what is in it is said."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for package in ("worker", "feedback", "mta"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in LEVELS
                    and ast.unparse(node.func.value) == "_log"
                ):
                    yield path, node


def listed() -> dict[str, tuple[str, set[str]]]:
    """Level and fields of each event in the list."""
    rows = re.findall(
        r"^\| `(\S+)` \| (\w+) \| ?([^|]*)\| [^|]+ \|$", (ROOT / "deploy/LOGS.md").read_text(), re.MULTILINE
    )
    return {
        name: (level, {field.strip() for field in fields.split(",") if field.strip()}) for name, level, fields in rows
    }


def test_every_event_that_is_logged_is_listed_with_its_level_and_fields() -> None:
    known = listed()
    for path, call in calls():
        name = call.args[0]
        assert isinstance(name, ast.Constant), f"{path}:{call.lineno}: the name of an event is written out"
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name.value), f"{path}:{call.lineno}"
        assert name.value in known, f"{path}:{call.lineno}: {name.value} is not in deploy/LOGS.md"
        level, fields = known[name.value]
        assert level == {"exception": "error"}.get(call.func.attr, call.func.attr)  # type: ignore[attr-defined]
        assert {keyword.arg for keyword in call.keywords if keyword.arg} <= fields, (
            f"{path}:{call.lineno}: {name.value}"
        )


def test_every_event_that_is_listed_is_logged() -> None:
    said = {name.value for _, call in calls() if isinstance(name := call.args[0], ast.Constant)}
    assert listed().keys() == said
    assert len(said) > 40


def test_nobody_logs_by_another_name() -> None:
    """A logger is called `_log`, so that the list can be held against the code."""
    for package in ("worker", "feedback", "mta"):
        for path in sorted((ROOT / package).rglob("*.py")):
            made = re.findall(r"^(\S+) = structlog.get_logger\(", path.read_text(), re.MULTILINE)
            assert set(made) <= {"_log"}, path
