"""A site that takes little is in nobody's way, and what waits for it expires on time."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from feedback.event import Event, decode
from tests.acceptance.installation import Installation
from worker import adapters
from worker.queue import Job
from worker.settings import load

RULES = '[[rule]]\nname = "slow"\ndomain = ["slow.example"]\nrate = "1/min"\n'
PATIENCE = 120.0


def job(number: int, domain: str, priority: str, **fields: Any) -> Job:
    rcpt = f"r{number}@{domain}"
    message = f"From: news@riverside.example\r\nTo: {rcpt}\r\nSubject: news\r\n\r\nhello\r\n"
    body = {
        "job_id": f"{domain}.{priority}.{number}",
        "delivery_id": "news",
        "mail_from": "bounce@riverside.example",
        "rcpt_to": rcpt,
        "message": message,
        "priority": priority,
        **fields,
    }
    return Job(body=json.dumps(body).encode(), routing_key=f"{priority}.{domain}")


async def publish(installation: Installation, jobs: list[Job]) -> None:
    publisher = adapters.job_publisher(load(installation.config))
    await publisher.open()
    await publisher.publish(jobs)
    await publisher.close()


async def finals(installation: Installation, expected: int) -> list[Event]:
    """The final events, in the order in which they came."""
    stream = adapters.feedback_stream(load(installation.config))
    await stream.open()
    heard: list[Event] = []
    try:
        async with asyncio.timeout(PATIENCE):
            while len(heard) < expected:
                messages = await stream.take(100)
                heard += [event for message in messages for event in decode(message.body) if event.final]
                await stream.done(messages)
    finally:
        await stream.close()
    return heard


def test_mail_behind_a_site_that_takes_one_a_minute_goes_at_once_and_what_waits_expires(
    installation: Installation, sink_port: int
) -> None:
    (installation.folder / "traffic.toml").write_text(RULES)
    installation.settings += '[traffic]\nrules = ["traffic.toml"]\n'
    for domain in ("slow.example", "quick.example"):
        installation.route(domain, sink_port)
        installation.settings += f'site = "{domain}"\n'
    expires_at = datetime.now(UTC) + timedelta(seconds=30)
    slow = [job(number, "slow.example", "bulk", expires_at=expires_at.isoformat()) for number in range(300)]
    quick = [job(number, "quick.example", "bulk") for number in range(100)]
    urgent = [job(number, "quick.example", "transactional") for number in range(10)]
    asyncio.run(publish(installation, slow + quick + urgent))
    with installation.running("worker"):
        heard = asyncio.run(finals(installation, 410))
    assert len({event.job_id for event in heard}) == 410
    counted = Counter((str(event.rcpt_to).partition("@")[2], event.event) for event in heard)
    assert counted["quick.example", "sent"] == 110
    assert counted["slow.example", "sent"] <= 3
    assert counted["slow.example", "sent"] + counted["slow.example", "failed"] == 300
    expired = [event for event in heard if event.event == "failed"]
    assert {event.cause for event in expired} == {"expired"}
    assert all(datetime.fromisoformat(event.at) >= expires_at - timedelta(milliseconds=1) for event in expired)
    first_expired = min(index for index, event in enumerate(heard) if event.event == "failed")
    assert {str(event.rcpt_to).partition("@")[2] for event in heard[first_expired:]} <= {"slow.example"}
