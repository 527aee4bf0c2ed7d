"""The commands that the README mentions in its sentences exist; those it shows are run by an acceptance test."""

import re
from pathlib import Path

import pytest
import typer

from worker.command import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`campaign-mta ([a-z]+)", README)
TARGETS = re.findall(r"`make ([a-z-]+)", README)
LINKS = re.findall(r"\]\(([^)#:]+)\)", README)


def test_the_readme_mentions_commands() -> None:
    assert len(COMMANDS) > 3
    assert len(TARGETS) > 3
    assert LINKS


@pytest.mark.parametrize("name", sorted(set(COMMANDS)))
def test_a_command_of_the_readme_is_one_that_is_understood(name: str) -> None:
    assert name in typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", sorted(set(TARGETS)))
def test_a_target_of_the_readme_is_in_the_makefile(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:|^{target} | {target}[ :]", makefile, re.MULTILINE)


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_what_the_readme_links_to_is_there(link: str) -> None:
    assert (ROOT / link).exists()
