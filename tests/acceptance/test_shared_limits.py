"""Limits hold over all workers, whoever dies and whatever restarts, and what was learnt of a site outlives all of it."""

import asyncio
import json
from typing import Any

import asyncpg

from tests.acceptance.counting import CountingSite, counting
from tests.acceptance.installation import Installation
from tests.services.postgres import PostgresServer

CONNECTIONS, RATE = 4, 25

RULE = f"""\
[[rule]]
name = "small"
domain = ["*"]
connections = {CONNECTIONS}
rate = "{RATE}/s"
start = "ceiling"
"""


def addresses(wave: str, count: int) -> list[str]:
    return [f"{wave}{number}@x.example.net" for number in range(count)]


def account(store: str) -> dict[str, Any]:
    """What the workers know of the only lane; nothing is written yet when one has just heard of it."""

    async def fetch() -> str | None:
        connection = await asyncpg.connect(store)
        try:
            found: str | None = await connection.fetchval("SELECT account FROM mta.lane")
            return found
        finally:
            await connection.close()

    text = asyncio.run(fetch())
    found: dict[str, Any] = json.loads(text)["account"] if text else {"leases": {}}
    return found


def until(site: CountingSite, count: int, installation: Installation) -> None:
    """Wait until the site has seen so many messages."""
    installation.wait(lambda: len(site.times) >= count, f"{count} messages at the site")


def test_two_workers_never_exceed_a_small_limit_whoever_dies_and_whatever_restarts(
    installation: Installation, private_postgres: PostgresServer
) -> None:
    installation.settings = installation.settings.replace(installation.store, private_postgres.url)
    installation.settings += '[traffic]\nrules = ["traffic.toml"]\n'
    (installation.folder / "traffic.toml").write_text(RULE, encoding="utf-8")
    with counting(CountingSite(delay=0.12)) as site:
        installation.route("*.example.net", site.port)
        with installation.running("tracker"), installation.running("worker"):
            victim = installation.start("worker")
            installation.send("w", addresses("w", 900))
            until(site, 200, installation)
            victim.kill()
            victim.wait()
            until(site, 400, installation)
            private_postgres.kill()
            private_postgres.start()
            until(site, 500, installation)
            with installation.running("worker"):
                figures = installation.until("w", lambda f: f["sent"] + f["failed"] == 900)
        assert figures["sent"] == 900
        assert set(site.recipients) == set(addresses("w", 900))
        assert site.peak <= CONNECTIONS
        # Messages come in a little earlier or later than they were let go: a tenth of a second's worth, from each of two.
        assert site.busiest(5.0) <= 5 * RATE + 2 * (1 + 0.1 * RATE)
    assert account(private_postgres.url)["pace"]["window"]["value"] == CONNECTIONS


def test_the_part_of_a_worker_that_was_killed_is_taken_over(installation: Installation) -> None:
    installation.settings += '[traffic]\nrules = ["traffic.toml"]\n'
    (installation.folder / "traffic.toml").write_text(RULE.replace(f'rate = "{RATE}/s"\n', ""), encoding="utf-8")
    with counting(CountingSite(delay=0.1)) as site:
        installation.route("*.example.net", site.port)
        with installation.running("worker"):
            victim = installation.start("worker")
            installation.send("k", addresses("k", 2000))
            installation.wait(lambda: len(account(installation.store)["leases"]) == 2, "both to have leases")
            until(site, len(site.times) + 50, installation)
            victim.kill()
            victim.wait()
            installation.wait(lambda: site.open < CONNECTIONS, "its connections to be gone")
            installation.wait(lambda: site.open == CONNECTIONS, "the other to have taken over")
        assert site.peak == CONNECTIONS


def test_a_limit_that_was_found_is_kept_to_after_everything_was_started_again(installation: Installation) -> None:
    with counting(CountingSite(delay=0.05, most=3)) as site:
        installation.route("*.example.net", site.port)
        with installation.running("tracker"):
            with installation.running("worker"):
                installation.send("first", addresses("a", 400))
                installation.until("first", lambda f: f["sent"] == 400)
            assert site.refused > 0
            assert account(installation.store)["pace"]["window"]["wall"] == 3.0
            told = installation.run("explain", "domain", "x.example.net")
            assert "3 connections" in told
            assert "Too many connections" in told
            refused = site.refused
            with installation.running("worker"):
                installation.send("second", addresses("b", 300))
                installation.until("second", lambda f: f["sent"] == 300)
        assert site.refused == refused
        assert site.peak == 3
