"""Rules changed at work: checked in full first; a bad file changes nothing."""

import os
from pathlib import Path

import pytest
import structlog

from feedback.qualifier import Qualifier
from mta.routing.route import Route
from mta.traffic.rules import Rules, RulesInForce
from worker.reading import Reading
from worker.reload import qualification, read, read_traffic, traffic

RULE = """
[[rule]]
id = "our-partner"
means = "{means}"
evidence = "agreed with the partner"
words = ["frobnicated"]
samples = ["550 {sample}"]
"""
GOOD = RULE.format(means="mailbox_full", sample="Frobnicated")
BETTER = RULE.format(means="account_disabled", sample="Frobnicated")
BAD = RULE.format(means="mailbox_full", sample="Something else")


def write(file: Path, text: str, second: int) -> None:
    """As an editor does, at a time of its own."""
    file.write_text(text, encoding="utf-8")
    os.utime(file, (second, second))


def in_force(file: Path) -> Reading:
    found = read([file])
    assert isinstance(found, Qualifier), found
    return Reading(found)


async def test_a_good_change_takes_effect_and_is_told_with_its_version(tmp_path: Path) -> None:
    file = tmp_path / "bounces.toml"
    write(file, GOOD, 1)
    reading = in_force(file)
    before = reading.qualifier.pack.version
    reload = qualification([file], reading)
    await reload.once()
    write(file, BETTER, 2)
    with structlog.testing.capture_logs() as told:
        await reload.once()
        await reload.once()
    version = reading.qualifier.pack.version
    assert version != before
    assert [(line["event"], line["version"]) for line in told] == [("rules_reloaded", version)]


@pytest.mark.parametrize(
    ("text", "reason"), [(BAD, "our-partner"), ("[[rule", "bounces.toml"), (None, "cannot be read")]
)
async def test_a_bad_change_changes_nothing_and_is_told_once_with_its_reasons(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    file = tmp_path / "bounces.toml"
    write(file, GOOD, 1)
    reading = in_force(file)
    before = reading.qualifier
    reload = qualification([file], reading)
    await reload.once()
    if text is None:
        file.unlink()
    else:
        write(file, text, 2)
    with structlog.testing.capture_logs() as told:
        await reload.once()
        await reload.once()
    assert reading.qualifier is before
    [line] = told
    assert line["event"] == "rules_refused"
    assert any(reason in fault for fault in line["reasons"])


async def test_what_is_mended_takes_effect(tmp_path: Path) -> None:
    file = tmp_path / "bounces.toml"
    write(file, GOOD, 1)
    reading = in_force(file)
    reload = qualification([file], reading)
    write(file, BAD, 2)
    await reload.once()
    before = reading.qualifier
    write(file, BETTER, 3)
    await reload.once()
    assert reading.qualifier is not before


async def test_files_that_have_not_changed_change_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bounces.toml"
    write(file, GOOD, 1)
    reading = in_force(file)
    before = reading.qualifier
    with structlog.testing.capture_logs() as told:
        await qualification([file], reading).once()
    assert (reading.qualifier, told) == (before, [])


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    bad, absent = tmp_path / "bad.toml", tmp_path / "absent.toml"
    bad.write_text("[[rule]]\nid = 1\n", encoding="utf-8")
    found = read([bad, absent])
    assert isinstance(found, list)
    assert any("absent.toml: cannot be read" in fault for fault in found)
    assert any("bad.toml" in fault for fault in found)


def test_files_are_asked_in_the_order_given_and_a_version_is_the_same_wherever_they_lie(tmp_path: Path) -> None:
    versions = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        first, second = tmp_path / place / "z.toml", tmp_path / place / "a.toml"
        first.write_text(GOOD, encoding="utf-8")
        second.write_text(GOOD.replace("our-partner", "another").replace("robnicated", "rumpled"), encoding="utf-8")
        found = read([first, second])
        assert isinstance(found, Qualifier), found
        assert [rule.id for rule in found.pack.rules[:2]] == ["our-partner", "another"]
        versions.append(found.pack.version)
    assert versions[0] == versions[1]


TRAFFIC = '[[rule]]\nname = "partner"\nsite = ["partner"]\nconnections = {connections}\n'
ROUTE = Route(domain="partner.example", site="partner", hosts=(), static=True)


async def test_traffic_rules_are_taken_when_they_are_in_order_and_left_when_not(tmp_path: Path) -> None:
    file = tmp_path / "traffic.toml"
    write(file, TRAFFIC.format(connections=3), 1)
    first = read_traffic([file])
    assert isinstance(first, Rules), first
    rules = RulesInForce(first)
    reload, seen = traffic([file], rules), []
    for second, connections in enumerate([3, 7, '"many"', 9], start=1):
        write(file, TRAFFIC.format(connections=connections), second)
        with structlog.testing.capture_logs() as told:
            await reload.once()
        seen.append((rules.match(ROUTE).connections, [line["event"] for line in told]))
    assert seen == [(3, []), (7, ["rules_reloaded"]), (7, ["rules_refused"]), (9, ["rules_reloaded"])]
