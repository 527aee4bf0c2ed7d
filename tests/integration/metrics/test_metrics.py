"""A worker's metrics as a scraper gets them, and what is built on them."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from tests.faults.proxy import Proxy, through
from tests.integration.metrics.exported import SETTINGS, get, working
from tests.services.prometheus import promtool
from worker.queue import Job
from worker.queue.sqlite import SqlitePublisher

JOB = {
    "job_id": "j",
    "delivery_id": "d",
    "mail_from": "",
    "rcpt_to": "a@b.example",
    "message": "From: x@y.example\n\nhi",
}


async def publish(folder: Path, body: bytes) -> None:
    publisher = SqlitePublisher(folder / "queue.db", "mta")
    await publisher.open()
    await publisher.publish([Job(body=body, routing_key="bulk.b.example")])
    await publisher.close()


async def numbers(port: int) -> dict[str, float]:
    """Every sample that has moved, by its name and labels."""
    _, text = await get(port, "/metrics", "application/openmetrics-text")
    return {
        f"{sample.name}{list(dict(sorted(sample.labels.items())).values())}": sample.value
        for family in read_openmetrics(text)
        for sample in family.samples
        if sample.value
    }


async def test_what_becomes_of_jobs_is_seen_in_the_numbers(tmp_path: Path) -> None:
    async with working(tmp_path) as (_, port):
        assert await get(port, "/readyz") == (200, "ready\n")
        await publish(tmp_path, msgspec.json.encode(JOB))
        await publish(tmp_path, b"no job")
        async with asyncio.timeout(30):
            while not (seen := await numbers(port)).get("campaign_mta_feedback_events_total[]", 0) >= 2:
                await asyncio.sleep(0.1)
    assert seen["campaign_mta_tickets_total['fresh', 'bulk']"] == 1
    assert seen["campaign_mta_tickets_total['unreadable', 'bulk']"] == 1
    assert seen["campaign_mta_attempts_total['broken', 'connect']"] == 1
    assert seen["campaign_mta_signals_total['unreachable']"] == 1
    assert seen["campaign_mta_attempt_seconds_count[]"] == 1
    assert seen["campaign_mta_settled_total['delayed']"] == 1
    assert seen["campaign_mta_shares_refresh_seconds_count[]"] >= 1


async def test_promtool_finds_nothing_wrong_with_the_metrics(tmp_path: Path) -> None:
    async with working(tmp_path) as (_, port):
        _, text = await get(port, "/metrics")
    assert promtool("check", "metrics", given=text.encode()) == ""


async def test_a_worker_whose_address_is_taken_works_on(tmp_path: Path) -> None:
    async with working(tmp_path) as (plant, port):
        assert plant.listener is not None
        elsewhere = type(plant.listener)("127.0.0.1", port, plant.listener.registry, plant.health)
        second = asyncio.create_task(elsewhere.run())
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done
        second.cancel()
        assert await get(port, "/healthz") == (200, "alive\n")


async def readiness(port: int, status: int, said: str) -> None:
    """Wait until the worker is ready, or not, and says so."""
    async with asyncio.timeout(30):
        while True:
            found, body = await get(port, "/readyz")
            if found == status and said in body:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("what", ["broker", "store"])
async def test_a_worker_with_nothing_to_do_is_not_ready_while_it_misses_broker_or_store(
    tmp_path: Path, amqp_url: str, database_url: str, what: str
) -> None:
    real = {"broker": amqp_url, "store": database_url}
    target = urlsplit(real[what]).port or 0
    with ExitStack() as ways:
        way = ways.enter_context(Proxy(target))
        urls = real | {what: through(real[what], way.port)}
        given = SETTINGS.replace("sqlite:///queue.db", urls["broker"]).replace("sqlite:///store.db", urls["store"])
        async with working(tmp_path, given.replace("[broker]", f'[broker]\nprefix = "idle-{what}"')) as (_, port):
            assert await get(port, "/readyz") == (200, "ready\n")
            await asyncio.to_thread(ways.close)
            await readiness(port, 503, f"outage: the {what} has been away since 2")
            assert (await numbers(port))["campaign_mta_outage[]"] == 1
            ways.enter_context(Proxy(target, port=way.port))
            await readiness(port, 200, "ready")
