"""A published send job becomes a delivered, signed mail and its feedback, over the real broker, store and mail servers."""

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path

import asyncpg

from tests import opendkim
from tests.acceptance.installation import COMMAND, MAILS, PATIENCE, Installation
from tests.services.postfix import Postfix
from worker.template import Template


def test_a_newsletter_to_2000_arrives_once_each_byte_for_byte_and_verifies(
    installation: Installation, postfix: Postfix, key_records: dict[str, str], tmp_path: Path
) -> None:
    installation.route("*.example.net", postfix.port)
    addresses = [f"reader{number}@d{number % 20}.example.net" for number in range(2000)]
    with installation.running("tracker"), installation.running("worker"), installation.running("worker"):
        installation.send("news", addresses, message="newsletter.eml")
        figures = installation.until("news", lambda f: f["sent"] == 2000)
        arrived = postfix.wait(2000)
    assert (figures["accepted"], figures["failed"], figures["in_flight"], figures["success"]) == (2000, 0, 0, 100.0)
    assert Counter(mail.rcpt for mail in arrived) == Counter(addresses)
    template = Template.read((MAILS / "newsletter.eml").read_bytes(), ["email", "first_name"])
    names = {address: f"n{number}" for number, address in enumerate(addresses)}
    for mail in arrived:
        published = template.fill({"email": mail.rcpt, "first_name": names[mail.rcpt]})
        assert mail.message.endswith(published)
        added = mail.message[: -len(published)]
        assert added.startswith(b"DKIM-Signature:")
        assert added.count(b"\r\nDKIM-Signature:") == 0
        assert opendkim.verify(mail.message, key_records, tmp_path) == [True]
    installation.run("reconcile", "--delivery", "news")


def test_the_statuses_of_a_hundred_messages_move_as_the_domain_page_says(
    installation: Installation, sink_port: int
) -> None:
    installation.settings = installation.settings.replace('first = "1s"', 'first = "6s"')
    installation.route("*.example.net", sink_port)
    delivered = [f"d{n}@x.example.net" for n in range(60)]
    hard = [f"h{n}+550-5.1.1@x.example.net" for n in range(10)]
    recovering = [f"s{n}+450-4.3.2-once@x.example.net" for n in range(20)]
    expiring = [f"e{n}+452-4.2.2@x.example.net" for n in range(10)]
    with installation.running("tracker"), installation.running("worker"):
        installation.send("v", [*delivered, *hard, *recovering, *expiring], "--validity", "24s")

        first = installation.until("v", lambda f: f["sent"] >= 60 and f["failed"] >= 10)
        assert (first["accepted"], first["sent"], first["failed"], first["in_flight"]) == (100, 60, 10, 30)
        assert first["success"] == 60.0

        second = installation.until("v", lambda f: f["sent"] >= 80)
        assert (second["sent"], second["failed"], second["in_flight"], second["success"]) == (80, 10, 10, 80.0)

        last = installation.until("v", lambda f: f["in_flight"] == 0)
    assert (last["sent"], last["failed"], last["in_flight"], last["success"]) == (80, 20, 0, 80.0)
    assert {name: reason["failed"] for name, reason in last["by_reason"].items()} == {
        "user_unknown": 10,
        "mailbox_full": 10,
    }
    story = json.loads(installation.run("explain", "job", job_of(installation, recovering[0]), "--json"))
    assert [(attempt["event"], attempt["smtp"]["code"]) for attempt in story["history"]] == [
        ("delayed", 450),
        ("sent", 250),
    ]
    refused, taken = (attempt["dialogue"] for attempt in story["history"])
    assert "S 450" in [line[:5] for line in refused]
    assert (taken[-1][:5], "- the message, " in taken[-2]) == ("S 250", True)
    installation.run("reconcile")


def job_of(installation: Installation, recipient: str) -> str:
    async def fetch() -> str:
        connection = await asyncpg.connect(installation.store)
        try:
            found: str = await connection.fetchval("SELECT job_id FROM tracker.message WHERE address = $1", recipient)
            return found
        finally:
            await connection.close()

    return asyncio.run(fetch())


CONNECTIONS = 10
"""Open towards the sink, which is one site to every domain routed to it, by the built-in rule."""


def test_a_worker_killed_in_the_act_loses_nothing_and_repeats_only_what_is_in_doubt(
    installation: Installation, sink_port: int
) -> None:
    installation.route("*.example.net", sink_port)
    addresses = [f"r{number}@d{number % 50}.example.net" for number in range(5000)]
    with installation.running("tracker"):
        victim = installation.start("worker")
        installation.send("k", addresses)
        installation.until("k", lambda f: f["sent"] >= 500)
        victim.kill()
        victim.wait()
        with installation.running("worker"):
            figures = installation.until("k", lambda f: f["sent"] + f["failed"] == 5000, 2 * PATIENCE)
    assert (figures["accepted"], figures["sent"], figures["in_flight"]) == (5000, 5000, 0)
    copies = Counter(entry["rcpt"] for entry in installation.index())
    assert copies.keys() == set(addresses)
    doubtful = in_doubt(installation)
    repeated = {rcpt for rcpt, count in copies.items() if count > 1}
    assert repeated <= doubtful
    assert max(copies.values()) <= 2
    assert len(doubtful) <= CONNECTIONS
    installation.run("reconcile")


def in_doubt(installation: Installation) -> set[str]:
    """Recipients whose final event says that the receiver may have taken a copy unknown to us."""

    async def fetch() -> list[bytes]:
        connection = await asyncpg.connect(installation.store)
        try:
            return [row[0] for row in await connection.fetch("SELECT event FROM mta.job WHERE final IS NOT NULL")]
        finally:
            await connection.close()

    return {event["rcpt_to"] for event in map(json.loads, asyncio.run(fetch())) if event["in_doubt"]}


def test_the_same_list_sent_again_sends_nothing_twice(installation: Installation, sink_port: int) -> None:
    installation.route("*.example.net", sink_port)
    addresses = [f"r{number}@x.example.net" for number in range(50)]
    with installation.running("tracker"), installation.running("worker"):
        for _ in range(3):
            installation.send("twice", addresses)
        installation.send("after", ["last@x.example.net"])
        installation.until("after", lambda f: f["sent"] == 1)
        figures = installation.until("twice", lambda f: f["sent"] == 50)
    assert figures["accepted"] == 50
    assert max(Counter(entry["rcpt"] for entry in installation.index()).values()) == 1


def test_the_demo_accounts_for_every_job(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "demo"], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every job is accounted for: 860 mails in the sink, 1000 final events" in done.stdout
