"""`campaign-mta rules` and `qualify` as an operator runs them, with an embedded store."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from feedback.event import Event, PathPart, SmtpPart, encode, join
from feedback.qualifier.unknown import Key, Unknown
from feedback.unknown.row import id_of
from feedback.unknown.sqlite import SqliteUnknownReplies
from worker.command import app
from worker.settings import BadSettings

pytestmark = pytest.mark.usefixtures("logs_as_they_are")

RULE = """
[[rule]]
id = "our-partner"
means = "mailbox_full"
evidence = "agreed with the partner"
words = ["frobnicated"]
samples = ["550 Frobnicated"]
"""
ODD = Key(550, "rcpt", "frobnicated")
RARE = Key(554, "body", "wobbled")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "campaign-mta.toml"
    file.write_text('[store]\nurl = "sqlite:///store.db"\n', encoding="utf-8")
    return file


@pytest.fixture
def operators(tmp_path: Path) -> Path:
    file = tmp_path / "bounces.toml"
    file.write_text(RULE, encoding="utf-8")
    return file


def use(config: Path, rules: Path) -> None:
    config.write_text(config.read_text() + f'[feedback]\nrules = ["{rules.name}"]\n', encoding="utf-8")


def run(*arguments: object, given: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)


def count(config: Path) -> None:
    """What a worker would have left in the store."""

    async def add() -> None:
        replies = SqliteUnknownReplies(config.parent / "store.db")
        await replies.open()
        seen = Unknown(count=7, first_at=0.0, last_at=60.0, site="b.example", example="550 Frobnicated")
        rare = Unknown(count=1, first_at=0.0, last_at=60.0, site="b.example", example="554 Wobbled")
        await replies.add({ODD: seen, RARE: rare})
        await replies.close()

    asyncio.run(add())


def waiting(config: Path, *arguments: object) -> list[str]:
    result = run("rules", "unknown", "--config", config, "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [kind["canonical"] for kind in json.loads(result.stdout)]


def test_the_built_in_rules_are_in_order() -> None:
    result = run("rules", "check", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["faults"]) == (0, [])
    assert found["rules"] > 50


def test_a_file_in_order_is_checked_before_the_built_in_rules(operators: Path) -> None:
    alone, both = (json.loads(run("rules", "check", *file, "--json").stdout) for file in ([], [operators]))
    assert both["faults"] == []
    assert both["rules"] == alone["rules"] + 1
    assert both["version"] != alone["version"]


def test_every_fault_of_a_file_is_printed(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(RULE.replace("mailbox_full", "nonsense").replace('["frobnicated"]', '["("]'), encoding="utf-8")
    result = run("rules", "check", file)
    assert result.exit_code == 1
    assert "means" in result.stdout
    assert "words" in result.stdout


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    assert run("rules", "check", tmp_path / "absent.toml").exit_code == 2


def event(number: int) -> bytes:
    return encode(
        Event(
            event_id=f"j{number}/1",
            seq=1,
            event="failed",
            log_status="failed",
            final=True,
            in_doubt=False,
            at="2026-01-01T00:00:00.000Z",
            job_id=f"j{number}",
            delivery_id="d",
            wave=0,
            tenant="default",
            rcpt_to="a@example.net",
            context={},
            attempt=1,
            retry_count=0,
            worker="w",
            cause="bounced",
            smtp=SmtpPart(phase="rcpt", code=550, enhanced=None, text="Frobnicated", canonical="Frobnicated"),
            path=PathPart("partner", "mx.partner.example", None, None, None, None),
        )
    )


def test_replay_takes_attempts_events_and_messages_of_events(config: Path, operators: Path) -> None:
    log = config.parent / "log.jsonl"
    recorded = json.dumps({"code": 550, "text": "5.1.1 User unknown", "site": "other"}).encode()
    log.write_bytes(b"\n".join([recorded, event(1), join([event(2), event(3)])]))
    result = run("rules", "replay", log, "--rules", operators, "--config", config, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["replies"], found["changed"]) == (4, 3)
    assert {"reason": "mailbox_full", "before": 0, "after": 3} in found["by_reason"]
    assert found["by_receiver"] == [
        {"receiver": "partner", "before": "not_defined", "after": "mailbox_full", "count": 3}
    ]


def test_replay_compares_with_the_rules_of_the_configuration(config: Path, operators: Path) -> None:
    use(config, operators)
    log = config.parent / "log.jsonl"
    log.write_bytes(event(1))
    result = run("rules", "replay", log, "--rules", operators, "--config", config, "--json")
    assert json.loads(result.stdout)["changed"] == 0


def test_replay_shows_tables(config: Path, operators: Path) -> None:
    log = config.parent / "log.jsonl"
    log.write_bytes(event(1))
    result = run("rules", "replay", log, "--rules", operators, "--config", config)
    assert result.exit_code == 0
    for word in ("mailbox_full", "partner", "our-partner"):
        assert word in result.stdout


def test_a_line_of_the_log_that_cannot_be_read_is_named_and_the_rest_compared(config: Path, operators: Path) -> None:
    log = config.parent / "log.jsonl"
    log.write_bytes(b"{\n" + event(1))
    result = run("rules", "replay", log, "--rules", operators, "--config", config, "--json")
    assert result.exit_code == 1
    assert "line 1" in result.stderr
    assert json.loads(result.stdout)["changed"] == 1


def test_the_storm_breaker_may_take_part_in_a_replay(config: Path, operators: Path) -> None:
    log = config.parent / "log.jsonl"
    usual = [{"delivered": True, "site": "big", "at": float(second)} for second in range(1000)]
    outage = [
        {"code": 550, "text": "5.1.1 User unknown", "site": "big", "at": 1000.0 + second} for second in range(500)
    ]
    log.write_text("\n".join(map(json.dumps, [*usual, *outage])), encoding="utf-8")
    plain, stormy = (
        json.loads(run("rules", "replay", log, "--rules", operators, "--config", config, "--json", *storm).stdout)
        for storm in ([], ["--storm"])
    )
    assert plain["hard"] == {"before": 500, "after": 500}
    assert stormy["hard"]["after"] < 200


def test_unknown_replies_are_listed_the_most_frequent_first(config: Path) -> None:
    count(config)
    assert waiting(config) == ["frobnicated", "wobbled"]
    table = run("rules", "unknown", "--config", config).stdout
    assert id_of(ODD)[:5] in table


def test_a_kind_is_settled_by_id_or_by_canonical_text(config: Path) -> None:
    count(config)
    assert waiting(config, "--keep", id_of(ODD)) == ["wobbled"]
    assert waiting(config, "--ignore", "Wobbled") == []


def test_a_kind_is_settled_by_a_rule_too(config: Path, operators: Path) -> None:
    count(config)
    use(config, operators)
    assert waiting(config) == ["wobbled"]


def test_a_decision_can_be_taken_back(config: Path) -> None:
    count(config)
    assert waiting(config, "--ignore", id_of(ODD)) == ["wobbled"]
    assert waiting(config, "--to-qualify", id_of(ODD)) == ["frobnicated", "wobbled"]


def test_a_kind_that_is_not_there_is_said_to_be_missing(config: Path) -> None:
    count(config)
    result = run("rules", "unknown", "--keep", "nothing", "--config", config)
    assert result.exit_code == 1
    assert "nothing: no such kind" in result.stderr


def test_qualify_uses_the_rules_of_the_configuration(config: Path, operators: Path) -> None:
    asked = json.dumps({"reply": "550 Frobnicated"})
    assert json.loads(run("qualify", "--config", config, given=asked).stdout)["reason_name"] == "not_defined"
    use(config, operators)
    answer = json.loads(run("qualify", "--config", config, given=asked).stdout)
    assert (answer["reason_name"], answer["rule"].partition("@")[0]) == ("mailbox_full", "our-partner")


def test_a_configuration_whose_rules_are_not_in_order_is_refused_with_every_fault(
    config: Path, operators: Path
) -> None:
    operators.write_text(RULE.replace("mailbox_full", "nonsense"), encoding="utf-8")
    use(config, operators)
    result = run("qualify", "--config", config, given="")
    assert isinstance(result.exception, BadSettings)
    assert any("bounces.toml: our-partner: means" in fault for fault in result.exception.faults)


def test_each_line_asked_is_answered_in_order_and_one_that_cannot_be_read_fails_at_the_end(config: Path) -> None:
    lines = [
        '{"reply": "450 4.2.0 Greylisted"}',
        "",
        "{",
        '{"reply": 1}',
        '{"reply": "550 5.1.1 User unknown", "x": 1}',
    ]
    result = run("qualify", "--json", "--config", config, given="\n".join(lines))
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 1
    assert [answer.get("line") or answer["name"] for answer in answers] == [
        "transient_failure", 3, 4, "invalid_recipient",
    ]  # fmt: skip
    assert [(answer["retry"], answer["signal"]) for answer in answers if "retry" in answer] == [
        (True, "greylisted"), (False, "clear"),
    ]  # fmt: skip


def test_a_phase_that_is_none_is_a_fault_of_its_line(config: Path) -> None:
    result = run("qualify", "--config", config, given='{"reply": "550 x", "phase": "lunch"}')
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"].startswith("phase: 'lunch' is none of dns, connect")


def test_the_lines_of_qualify_are_described_in_its_help() -> None:
    told = run("qualify", "--help").stdout
    for member in ("reply", "phase", "mx", "domain", "to_qualify", "retry", "signal", "error"):
        assert member in told
