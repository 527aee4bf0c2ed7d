"""`explain domain`, `explain job` and `doctor` where a site has closed its doors, storms, and gets a new source's first mails."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from feedback.log.sqlite import SqliteLog
from feedback.qualifier.storm import Counts
from feedback.weather.sqlite import SqliteAlmanac
from mta.traffic.rule import Rule
from mta.traffic.shares import Ask, Report
from mta.traffic.tally import Tally
from tests.integration.log.stores import face, ticket
from worker.command import app
from worker.ramps import Count
from worker.ramps.gate import DAY
from worker.ramps.sqlite import SqliteRamps
from worker.shares.sqlite import SqliteShares

pytestmark = pytest.mark.usefixtures("logs_as_they_are")

CONFIGURATION = """\
[broker]
url = "sqlite:///queue.db"
[store]
url = "sqlite:///store.db"
[[route]]
domain = "*"
site = "big"
hosts = ["127.0.0.1:9"]
[[pool]]
name = "default"
[[pool.source]]
address = "127.0.0.1"
[[pool.source]]
address = "127.0.0.2"
ramp = 100000
"""
OLD, NEW = "default/127.0.0.1>big", "default/127.0.0.2>big"
LISTED = "554 5.7.1 You are listed"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "campaign-mta.toml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    return file


@pytest.fixture
def troubled(config: Path) -> Path:
    asyncio.run(trouble(config.parent / "store.db"))
    return config


async def trouble(store: Path) -> None:
    shares, now = SqliteShares(store), time.time()
    await shares.open()
    blocked = Report("w", 1, 0, Tally(blocked=1, ordered=1, why=LISTED))
    await shares.refresh([Ask(OLD, Report("w", 1, 0, Tally()), Rule(name="big"))])
    await shares.refresh([Ask(OLD, blocked, Rule(name="big"))])
    await shares.close()
    almanac = SqliteAlmanac(store)
    await almanac.open()
    await almanac.exchange({"big": Counts(5000, 50)}, now - 3600)
    await almanac.exchange({"big": Counts(100, 100)}, now)
    await almanac.close()
    ramps = SqliteRamps(store)
    await ramps.open()
    await ramps.add({NEW: Count(120, 1, 100_000)}, int(now // DAY))
    await ramps.close()
    log = SqliteLog(store)
    await log.open()
    await log.claim([ticket(face("spring.0.1", delivery_id="spring", rcpt_to="anna@a.example"))], now)
    await log.close()


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def test_of_a_site_in_trouble_its_storm_its_ramps_and_its_closed_lanes_are_told(troubled: Path) -> None:
    lines = run(troubled, "explain", "domain", "a.example").stdout.splitlines()
    [storm] = [line for line in lines if line.startswith("a storm since ")]
    assert " % of its replies call the address dead, usually " in storm
    assert (
        f"lane {NEW} is warmed up: ramp day 1, 120 of today's 500 messages used, 1 of them refused for our traffic;"
        " 100,000 a day at the end" in lines
    )
    assert any(line.startswith(f"lane {OLD}: closed until ") for line in lines)
    assert any(LISTED in line for line in lines)


def test_the_same_is_told_as_json(troubled: Path) -> None:
    told = json.loads(run(troubled, "explain", "domain", "a.example", "--json").stdout)
    assert told["storm"]["hard_share"] > 80 > 3 > told["storm"]["usual_share"]
    assert told["ramps"] == [
        {
            "lane": NEW,
            "day": 1,
            "warm": False,
            "volume": 100_000,
            "today": 500,
            "sent_today": 120,
            "refused_today": 1,
        }
    ]


def test_a_source_that_has_not_sent_yet_is_on_its_first_day_and_where_there_is_no_storm_none_is_told(
    config: Path,
) -> None:
    told = json.loads(run(config, "explain", "domain", "a.example", "--json").stdout)
    [ramp] = told["ramps"]
    assert (ramp["lane"], ramp["day"], ramp["today"], ramp["sent_today"]) == (NEW, 1, 500, 0)
    assert (told["storm"], told["lanes"]) == (None, [])


def test_a_job_says_which_lane_is_closed_by_which_reply_and_until_when(troubled: Path) -> None:
    lines = run(troubled, "explain", "job", "spring.0.1").stdout.splitlines()
    [way] = [line.strip() for line in lines if "in its way" in line]
    assert way.startswith(f"in its way: lane {OLD} is closed until ")
    assert way.endswith(f": the site is blocked ({LISTED})")
    told = json.loads(run(troubled, "explain", "job", "spring.0.1", "--json").stdout)
    assert [f"in its way: {one}" for one in told["hindrances"]] == [way]


def test_the_doctor_notes_closed_lanes_and_suspensions_and_finds_no_fault_in_them(troubled: Path) -> None:
    run(troubled, "suspend", "small.example", "--why", "they [asked]")
    found = {each["what"]: each for each in json.loads(run(troubled, "doctor", "--json").stdout)}
    lanes = found["lanes and orders"]
    suspended, closed = lanes["note"].splitlines()
    assert lanes["fault"] is None
    assert suspended.startswith("small.example is suspended until it is resumed, by ")
    assert closed.startswith(f"lane {OLD} is closed until ")
    assert closed.endswith(f"({LISTED})")
    assert "they [asked]" in " ".join(run(troubled, "doctor").stdout.split())


def test_where_nothing_is_closed_there_is_nothing_to_note(config: Path) -> None:
    found = {each["what"]: each for each in json.loads(run(config, "doctor", "--json").stdout)}
    assert found["lanes and orders"] == {"what": "lanes and orders", "fault": None, "note": None}
