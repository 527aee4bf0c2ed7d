"""The commands as they are typed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from worker.command import app

HEAVY = ("worker.settings", "worker.adapters", "asyncio", "pydantic", "structlog", "asyncpg", "aio_pika")
WIDE = 78
"""Columns of a terminal of 80 that help leaves to a text."""


def commands(
    command: typer.core.TyperGroup, name: str = "campaign-mta"
) -> Iterator[tuple[str, typer.core.TyperCommand]]:
    for word, one in command.commands.items():
        path = f"{name} {word}"
        if hasattr(one, "commands"):
            yield from commands(one, path)
        else:
            yield path, one


ALL = dict(commands(typer.main.get_command(app)))


def test_what_commands_work_with_is_not_loaded_before_one_is_called() -> None:
    looked = f"import sys, worker.command; print([name for name in {HEAVY} if name in sys.modules])"
    root = Path(__file__).parents[4]
    assert subprocess.check_output([sys.executable, "-c", looked], cwd=root, text=True) == "[]\n"


@pytest.mark.parametrize("name", ALL)
def test_every_option_and_argument_says_what_it_is_for(name: str) -> None:
    assert not [each.name for each in ALL[name].params if not each.help]


@pytest.mark.parametrize("name", ALL)
def test_help_fits_a_terminal_and_has_nothing_that_is_read_as_markup(name: str) -> None:
    command = ALL[name]
    assert not [line for line in (command.epilog or "").splitlines() if len(line) > WIDE]
    texts = [command.help, command.epilog, *(each.help for each in command.params)]
    assert not [text for text in texts if re.search(r"\[[a-z/]", text or "")]


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"{version('campaign-mta')}\n")


@pytest.mark.parametrize(
    ("words", "completed"), [("campaign-mta susp", "suspend"), ("campaign-mta send --priority t", "transactional")]
)
def test_the_shell_completes_commands_and_values(words: str, completed: str) -> None:
    asked = {"_CAMPAIGN_MTA_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    assert CliRunner().invoke(app, env=asked, prog_name="campaign-mta").stdout.split() == [completed]
