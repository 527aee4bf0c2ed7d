"""The version stands in pyproject.toml; where it has to be repeated, it is the same."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
REPEATED = {
    "CHANGELOG.md": r"^## (\S+)",
    "deploy/asyncapi.json": r'"title":[^}]*?"version": "([^"]+)"',
    "deploy/kubernetes/kustomization.yaml": r"newTag: (\S+)",
}


@pytest.mark.parametrize("file", REPEATED)
def test_where_the_version_is_repeated_it_is_that_of_the_project(file: str) -> None:
    found = re.search(REPEATED[file], (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    assert found[1] == VERSION


def test_what_is_installed_is_the_version_of_the_project() -> None:
    assert version("campaign-mta") == VERSION


def test_no_source_says_the_version_itself() -> None:
    sources = [path for room in ("worker", "mta", "feedback") for path in (ROOT / room).rglob("*.py")]
    assert not [path for path in sources if f'"{VERSION}"' in path.read_text(encoding="utf-8")]
