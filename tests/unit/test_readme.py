"""The commands that the README shows exist, with the options that it gives them."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from worker.command import app

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
LINES = re.findall(r"^    (campaign-mta .*)$", README.replace("\\\n", " "), re.MULTILINE)
TARGETS = re.findall(r"^    make (\S+)", README, re.MULTILINE)


@pytest.mark.parametrize("line", LINES)
def test_a_command_of_the_readme_is_one_that_is_understood(line: str) -> None:
    words = shlex.split(line.split(" >> ")[0].replace(" &", " "), comments=True)[1:]
    command = typer.main.get_command(app)
    context = command.make_context("campaign-mta", list(words))
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, rest, parent=context)
    assert not context.args


def test_the_readme_shows_commands() -> None:
    assert len(LINES) > 10
    assert TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_of_the_readme_is_in_the_makefile(target: str) -> None:
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, re.MULTILINE)
