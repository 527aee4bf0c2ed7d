"""What a user is told who asks for something wrong: exit code, stream and words."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.installation import COMMAND

ALONE = {name: value for name, value in os.environ.items() if not name.startswith("CAMPAIGN_MTA")}
SEND = ("send", "--delivery", "d1", "--mail-from", "bounce@a.example")
EMBEDDED = '[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "sqlite:///store.db"\n[[route]]\ndomain = "*"\nhosts = ["127.0.0.1:9"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaign-mta.toml").write_text(EMBEDDED)
    (tmp_path / "list.csv").write_text("email\nanna@example.net\n")
    (tmp_path / "mail.eml").write_text("From: a@a.example\nSubject: hello\n\nhello\n")
    (tmp_path / "empty.eml").write_text("\n")
    (tmp_path / "anonymous.eml").write_text("Subject: hello\n\nhello\n")
    return tmp_path


def told(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, env=ALONE)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--recipients", "list.csv", "--message", "mail.eml", "--pool", "warm"), "--pool warm: there is none of that name; there are: default"),
        (("--recipients", "list.csv", "--message", "empty.eml"), "--message empty.eml: the file is empty"),
        (("--recipients", "list.csv", "--message", "nosuch.eml"), "--message nosuch.eml: No such file or directory"),
        (("--recipients", "nosuch.csv", "--message", "mail.eml"), "--recipients nosuch.csv: No such file or directory"),
        (("--recipients", "list.csv", "--message", "mail.eml", "--validity", "soon"), "--validity: "),
        (("--recipients", "list.csv", "--message", "mail.eml", "--validity", "85h"), "--validity: 84h is the most, and what a delivery has without the option"),
        (("--recipients", "list.csv", "--message", "anonymous.eml"), "--message anonymous.eml: the message has no From header"),
        (("--recipients", "list.csv", "--message", "mail.eml", "--priority", "high"), "--priority high: bulk or transactional is wanted"),
    ],
)  # fmt: skip
def test_a_delivery_with_a_wrong_option_is_refused_by_the_options_name(
    folder: Path, options: tuple[str, ...], words: str
) -> None:
    code, _, err = told(folder, *SEND, *options)
    assert (code, err[: len(words)]) == (2, words)
    assert not list(folder.glob("queue.db*"))


@pytest.mark.parametrize(
    ("command", "out", "err"),
    [
        ("report", "[]\n", "nothing has been heard of delivery 'nosuch' yet; is the tracker running?\n"),
        (
            "reconcile",
            '{"deliveries":[],"broken":[]}\n',
            "delivery 'nosuch' is not known: no job of it has been accepted yet\n",
        ),
    ],
)
def test_a_delivery_nobody_has_heard_of_is_said_to_be_unknown(folder: Path, command: str, out: str, err: str) -> None:
    assert told(folder, command, "--delivery", "nosuch", "--json") == (0, out, err)


def test_nothing_is_proved_of_a_delivery_that_is_not_known(folder: Path) -> None:
    assert told(folder, "reconcile", "--delivery", "nosuch")[:2] == (0, "")


@pytest.mark.parametrize(
    ("section", "key"), [("traffic", "traffic.rules: "), ("feedback", "feedback.rules: ")]
)  # fmt: skip
def test_the_doctor_names_a_rule_file_that_cannot_be_read_and_keeps_its_brackets(
    section: str, key: str, folder: Path
) -> None:
    (folder / "campaign-mta.toml").write_text(EMBEDDED + f'[{section}]\nrules = ["[a].toml"]\n')
    code, out, _ = told(folder, "doctor", "--json")
    assert code == 1
    assert f"{key}{folder}/[a].toml: cannot be read: No such file or directory" in out
    _, shown, _ = told(folder, "doctor")
    assert "[a].toml" in "".join(shown.split())
