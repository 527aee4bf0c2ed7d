"""The built-in rule pack, as data beside the code."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path


def built_in() -> dict[str, str]:
    """The built-in rule files, name to text."""
    return {entry.name: entry.read_text("utf-8") for entry in files(__name__).iterdir() if entry.name.endswith(".toml")}


def with_files(paths: Sequence[Path]) -> dict[str, str]:
    """The built-in files and an operator's. Raises OSError or UnicodeDecodeError for one that cannot be read."""
    return built_in() | {str(path): path.read_text("utf-8") for path in paths}
