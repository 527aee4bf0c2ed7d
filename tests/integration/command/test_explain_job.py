"""`explain job` as an operator runs it, with an embedded store: the whole way of one message."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from feedback.event import encode
from feedback.log.sqlite import SqliteLog
from feedback.log.story import Hold, with_hold, write_attempt
from feedback.writer import Writer
from mta.attempt import Attempt, Phase, Refused
from mta.attempt import Path as Way
from mta.reply import Reply
from tests.integration.log.stores import delayed, face, ticket
from tests.unit.worker.test_settlement import SOFT
from worker.command import app

pytestmark = pytest.mark.usefixtures("logs_as_they_are")

NOW = time.time()
JOB = face("spring.0.1", delivery_id="spring", rcpt_to="anna@a.example.net")
FULL = Attempt(
    phase=Phase.RCPT,
    ending=Refused(Reply(452, "4.2.2 Full")),
    path=Way(site="big", mx_host="mx.a.example.net", remote_ip="192.0.2.1"),
    began_at=NOW - 60,
    duration=0.3,
    nth=3,
    rule="big",
    waited=1.5,
    dialogue=[("C", b"RCPT TO:<anna@a.example.net>\r\n"), ("S", b"452 4.2.2 Full\r\n")],
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "campaign-mta.toml"
    file.write_text('[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "sqlite:///store.db"\n', encoding="utf-8")
    asyncio.run(live(SqliteLog(tmp_path / "store.db")))
    return file


async def live(log: SqliteLog) -> None:
    """Held twice, tried once, and held again."""
    await log.open()
    [claim] = await log.claim([ticket(JOB)], NOW - 200)
    state = claim.state  # type: ignore[union-attr]
    limited = Hold(since=NOW - 200, until=NOW - 170, why="rule big: 2 connections", rule="big", reply="421 too many")
    await log.release([(JOB.job_id, 0, with_hold(None, limited))])
    await log.claim([ticket(JOB)], NOW - 170)
    event = Writer("w", str.lower).delayed(replace(state, attempt=1), NOW - 60, FULL, SOFT, NOW - 30)
    await log.record([replace(delayed(JOB, NOW - 30), event=encode(event), story=write_attempt(event, FULL))])
    await log.claim([ticket(JOB, 1)], NOW - 20)
    suspended = Hold(since=NOW - 20, until=NOW + 86_400, why="big is suspended by anna", attempts=1)
    holds = with_hold(with_hold(None, limited), suspended)
    await log.release([(JOB.job_id, 1, holds)])
    await log.close()


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain", "job", *arguments, "--config", str(config)])


def test_a_story_has_its_holds_its_attempts_what_was_said_and_what_comes_next(config: Path) -> None:
    result = run(config, "spring.0.1")
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    told = [
        next(number for number, line in enumerate(lines) if part in line)
        for part in (
            "Held for 30",
            "Attempt 1: to be tried again: 452 4.2.2 Full",
            "host mx.a.example.net (192.0.2.1), traffic rule big, waited for leave 1.5",
            "S 452 4.2.2 Full",
            "big is suspended by anna",
            "next: The next attempt is due. It is held, looked at again in ",
        )
    ]
    assert told == sorted(told)
    assert "rule big: 2 connections; the site had said: 421 too many" in result.stdout


def test_the_same_story_is_told_as_json(config: Path) -> None:
    told = json.loads(run(config, "spring.0.1", "--json").stdout)
    assert (told["attempts"], told["last_event"]["event"], told["worker"]) == (1, "delayed", None)
    assert [(hold["why"], hold.get("reply")) for hold in told["holds"]] == [
        ("rule big: 2 connections", "421 too many"),
        ("big is suspended by anna", None),
    ]
    [attempt] = told["history"]
    assert (attempt["rule"], attempt["waited_ms"], attempt["nth"], attempt["smtp"]["code"]) == ("big", 1500, 3, 452)
    assert attempt["dialogue"] == ["C RCPT TO:<anna@a.example.net>", "S 452 4.2.2 Full"]


def test_of_a_job_nobody_has_heard_of_there_is_no_story(config: Path) -> None:
    result = run(config, "winter.0.1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no job winter.0.1 has been accepted" in result.stderr
