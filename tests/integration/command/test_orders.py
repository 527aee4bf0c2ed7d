"""`suspend`, `resume`, `override`, `cancel` and `orders` as an operator runs them, with an embedded store."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from feedback.log.sqlite import SqliteLog
from tests.integration.log.stores import face, ticket
from worker.command import app
from worker.settings import BadSettings

pytestmark = pytest.mark.usefixtures("logs_as_they_are")

CONFIGURATION = """\
[broker]
url = "sqlite:///queue.db"
[store]
url = "sqlite:///store.db"
[dns]
nameservers = ["127.0.0.1:9"]
[[route]]
domain = "*.example.net"
site = "Big"
hosts = ["127.0.0.1:9"]
[[pool]]
name = "news"
[[pool.source]]
address = "127.0.0.1"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "campaign-mta.toml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    return file


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def in_force(config: Path, *options: str) -> list[tuple[str, str | None]]:
    result = run(config, "orders", "--json", *options)
    assert result.exit_code == 0, result.output
    return [(order["order"], order.get("target")) for order in json.loads(result.stdout)]


def test_a_suspension_is_in_force_until_it_is_resumed_and_both_are_remembered(config: Path) -> None:
    told = run(config, "suspend", "BIG", "--why", "they asked", "--json")
    assert (told.exit_code, told.stderr) == (0, "")
    order = json.loads(told.stdout)
    assert (order["order"], order["target"], order["pool"], order["until"]) == ("suspend", "big", None, None)
    assert order["why"] == "they asked"
    assert "@" in order["by"]
    assert in_force(config) == [("suspend", "big")]
    assert run(config, "resume", "big").exit_code == 0
    assert in_force(config) == []
    assert in_force(config, "--history") == [("resume", "big"), ("suspend", "big")]


def test_what_is_not_suspended_cannot_be_resumed_and_what_is_is_named(config: Path) -> None:
    run(config, "suspend", "big", "--pool", "news")
    result = run(config, "resume", "a.example.net")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "a.example.net is not suspended; these are: big in pool news\n"
    assert in_force(config) == [("suspend", "big")]


def test_resuming_without_a_pool_resumes_every_pool(config: Path) -> None:
    run(config, "suspend", "big")
    run(config, "suspend", "big", "--pool", "news")
    assert run(config, "resume", "big", "--pool", "news").exit_code == 0
    assert in_force(config) == [("suspend", "big")]
    run(config, "suspend", "big", "--pool", "news")
    assert run(config, "resume", "big").exit_code == 0
    assert in_force(config) == []


def test_a_site_nobody_has_seen_is_suspended_in_advance_with_a_warning(config: Path) -> None:
    result = run(config, "suspend", "never.example", "--for", "10m")
    assert result.exit_code == 0
    assert "suspended until" in result.stdout
    assert result.stderr.startswith("warning: no site or domain 'never.example' is known here")
    assert in_force(config) == [("suspend", "never.example")]


def test_an_override_of_a_domain_is_one_of_its_site_and_can_be_ended_early(config: Path) -> None:
    result = run(config, "override", "a.example.net", "--rate", "1/s", "--connections", "2", "--for", "1h", "--json")
    assert result.exit_code == 0, result.output
    order = json.loads(result.stdout)
    limits = order["connections"], order["rate"], order["messages_per_connection"]
    assert (order["target"], limits) == ("big", (2, "1/s", None))
    assert result.stderr == "a.example.net is served by site big: the limits are the site's\n"
    assert run(config, "override", "big", "--end").exit_code == 0
    assert in_force(config) == []
    assert run(config, "override", "big", "--end").stderr == "big is not under an override; nothing is\n"


def test_an_unknown_delivery_is_cancelled_in_advance_with_a_warning(config: Path) -> None:
    result = run(config, "cancel", "spring")
    assert result.exit_code == 0
    assert result.stdout == "delivery spring is cancelled\n"
    assert result.stderr.startswith("warning: no job of delivery 'spring' has been accepted yet")
    assert in_force(config) == [("cancel", None)]


def test_the_list_is_a_table_for_people(config: Path) -> None:
    assert run(config, "orders").stdout == "no order is in force\n"
    run(config, "suspend", "big", "--why", "mended")
    assert "mended" in run(config, "orders").stdout


@pytest.mark.parametrize(
    ("arguments", "faults"),
    [
        (("suspend", "a b", "--pool", "x", "--for", "soon"), ["'a b' is no name", "--pool x: there is none", "--for: 'soon' is no duration"]),
        (("suspend", "big", "--for", "0s"), ["--for: more than 0"]),
        (("override", "big", "--for", "1h"), ["--connections, --rate or --messages-per-connection"]),
        (("override", "big", "--rate", "fast", "--for", "1h"), ["--rate: 'fast' is not"]),
        (("override", "big", "--rate", "1/s"), ["--for: an override needs an end"]),
        (("cancel", "x" * 129), ["DELIVERY_ID"]),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_meant_is_wrong_usage(
    config: Path, arguments: tuple[str, ...], faults: list[str]
) -> None:
    result = run(config, *arguments)
    assert isinstance(result.exception, BadSettings)
    lines = str(result.exception).splitlines()
    assert [line.startswith(fault) for line, fault in zip(lines, faults, strict=True)] == [True] * len(faults)
    assert in_force(config, "--history") == []


def test_nothing_is_ordered_while_the_store_is_away(config: Path, tmp_path: Path) -> None:
    config.write_text(CONFIGURATION.replace("store.db", "missing.txt/store.db"), encoding="utf-8")
    (tmp_path / "missing.txt").write_text("a file where a folder is wanted")
    result = run(config, "suspend", "big")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("the store cannot be reached, so nothing was ordered")


def test_what_explains_a_domain_names_the_orders_that_concern_it(config: Path) -> None:
    run(config, "suspend", "big", "--for", "1h", "--why", "they asked")
    run(config, "override", "big", "--rate", "1/s", "--for", "1h")
    run(config, "suspend", "small")
    told = run(config, "explain", "domain", "a.example.net")
    assert told.exit_code == 0, told.output
    assert "by order: big is suspended until " in told.stdout
    assert ": they asked\n" in told.stdout
    assert ": 1/s, by " in told.stdout
    assert "small" not in told.stdout
    found = json.loads(run(config, "explain", "domain", "a.example.net", "--json").stdout)
    assert [order["order"] for order in found["orders"]] == ["suspend", "override"]


def test_what_explains_a_job_names_the_orders_that_concern_it(config: Path) -> None:
    job = face("spring.0.1", delivery_id="spring", rcpt_to="anna@a.example.net")

    async def accept() -> None:
        log = SqliteLog(config.parent / "store.db")
        await log.open()
        await log.claim([ticket(job)], time.time())
        await log.close()

    asyncio.run(accept())
    run(config, "cancel", "spring", "--why", "wrong price")
    run(config, "suspend", "*.example.net")
    told = run(config, "explain", "job", "spring.0.1")
    assert told.exit_code == 0, told.output
    assert "by order: delivery spring is cancelled, by " in told.stdout
    assert "by order: *.example.net is suspended until it is resumed" in told.stdout
