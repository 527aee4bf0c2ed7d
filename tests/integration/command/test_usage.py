"""What a user is told who asks for something wrong: exit code, stream and words."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mta.signing.multibuffer import library
from worker.command import main

pytestmark = pytest.mark.usefixtures("logs_as_they_are")

Told = Callable[..., tuple[int, str, str]]
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


@pytest.fixture
def told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command in the folder: its exit code, and what it said on either stream."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("CAMPAIGN_MTA")]:
        monkeypatch.delenv(name)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["campaign-mta", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


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
    folder: Path, told: Told, options: tuple[str, ...], words: str
) -> None:
    code, _, err = told(*SEND, *options)
    assert (code, err[: len(words)]) == (2, words)
    assert not list(folder.glob("queue.db*"))


def test_a_name_in_braces_that_is_no_column_is_pointed_out(folder: Path, told: Told) -> None:
    (folder / "mail.eml").write_text("From: a@a.example\n\nDear {nmae}, {email}")
    code, out, err = told(*SEND, "--recipients", "list.csv", "--message", "mail.eml")
    assert (code, out) == (0, "1 jobs enqueued\n")
    assert "warning: --message mail.eml: {nmae} is no column of list.csv, and goes out as it stands\n" in err


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
def test_a_delivery_nobody_has_heard_of_is_said_to_be_unknown(told: Told, command: str, out: str, err: str) -> None:
    assert told(command, "--delivery", "nosuch", "--json") == (0, out, err)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("reconcile",), 0, "no job has been accepted yet\n"),
        (("report",), 0, "nothing has been heard of any delivery yet; is the tracker running?\n"),
        (("rules", "unknown", "--keep", "nosuch"), 1, "nosuch: no such kind of reply; campaign-mta rules unknown lists them\n"),
        (("worker", "--processes", "2"), 2, "--processes 2: an embedded queue or store (sqlite:///) serves one worker process; for more, give "),
        (("simulate", "nosuch.toml"), 2, "nosuch.toml: cannot be read: No such file or directory\n"),
        (("sink", "--port", "0", "--store", "list.csv"), 1, "list.csv/tmp: Not a directory; see --store and --audit\n"),
        (("sink", "--port", "0", "--tls-cert", "mail.eml"), 2, "--tls-cert mail.eml: no certificate with its key in PEM\n"),
        (("sink", "--host", "192.0.2.1"), 1, "the sink cannot listen: "),
        (("explain", "domain", "a..b"), 2, "DOMAIN 'a..b' has a domain with an empty label\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_what_to_do(
    told: Told, arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, _, err = told(*arguments)
    assert (found, err[: len(words)]) == (code, words)


def test_without_its_store_a_command_says_where_to_look(folder: Path, told: Told) -> None:
    away = EMBEDDED.replace("sqlite:///store.db", "postgresql://mta@127.0.0.1:9/mta")
    (folder / "campaign-mta.toml").write_text(away)
    code, _, err = told("orders")
    assert code == 1
    assert err.startswith("the store cannot be reached: ")
    assert err.endswith("; is it running, and is [store] url right?\n")


def test_nothing_is_proved_of_a_delivery_that_is_not_known(told: Told) -> None:
    assert told("reconcile", "--delivery", "nosuch")[:2] == (0, "")


def test_the_doctor_says_how_signatures_are_made(told: Told) -> None:
    _, out, _ = told("doctor", "--json")
    many = not isinstance(library(), str)
    assert ("RSA signatures (up to 8 at once)" in out, "RSA signatures (one at a time)" in out) == (many, not many)


@pytest.mark.parametrize(
    ("section", "key"), [("traffic", "traffic.rules: "), ("feedback", "feedback.rules: ")]
)  # fmt: skip
def test_the_doctor_names_a_rule_file_that_cannot_be_read_and_keeps_its_brackets(
    section: str, key: str, folder: Path, told: Told
) -> None:
    (folder / "campaign-mta.toml").write_text(EMBEDDED + f'[{section}]\nrules = ["[a].toml"]\n')
    code, out, _ = told("doctor", "--json")
    assert code == 1
    assert f"{key}{folder}/[a].toml: cannot be read: No such file or directory" in out
    _, shown, _ = told("doctor")
    assert "[a].toml" in "".join(shown.split())
