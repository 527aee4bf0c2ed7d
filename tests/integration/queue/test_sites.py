"""Busy sites' queues on a real broker: listed, found by others, led to, left alone, and given back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import aio_pika
import pytest

from mta.lane import Lane, Source
from tests.integration.queue.transports import DEADLINE, within
from tests.services.depth import ready
from worker.queue import Job, QueueAway, Ticket, portion
from worker.queue.census import MANY_HELD
from worker.queue.rabbit import Prefetch, RabbitPublisher, RabbitQueue, line, sites

PREFIX = "sites"
LANE = Lane(Source(pool="default", helo="mta.example"), "slow")


def jobs(*bodies: str, domain: str = "slow.example") -> list[Job]:
    return [Job(body=body.encode(), routing_key=f"bulk.{domain}") for body in bodies]


class Crew:
    """Workers and a publisher on one broker, and what its queues hold."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: list[RabbitQueue | RabbitPublisher] = []

    async def worker(self) -> RabbitQueue:
        queue = RabbitQueue(self.url, PREFIX, prefetch=Prefetch(bulk=100, transactional=100))
        await queue.open()
        self._opened.append(queue)
        return queue

    async def publish(self, published: list[Job]) -> None:
        publisher = RabbitPublisher(self.url, PREFIX)
        await publisher.open()
        await publisher.publish(published)
        await publisher.close()

    async def waiting(self, name: str) -> int | None:
        """Messages ready in a queue; None when there is no such queue."""
        return await ready(self.url, f"{PREFIX}.{name}")

    async def close(self) -> None:
        for each in self._opened:
            await each.close()
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            for name in ("bulk.slow", "held.slow", "sites"):
                await channel.queue_delete(f"{PREFIX}.{name}")
            await channel.exchange_delete(f"{PREFIX}.bulk.slow")
            for name in ("bulk", "transactional"):
                with suppress(aio_pika.exceptions.ChannelNotFoundEntity):
                    await (await channel.get_queue(f"{PREFIX}.{name}", ensure=False)).purge()


@pytest.fixture(autouse=True)
def _no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that said when it takes more is not looked at before."""
    monkeypatch.setattr(portion, "SOON", 600.0)
    monkeypatch.setattr(portion, "LONGEST", 600.0)


@pytest.fixture
async def crew(amqp_url: str) -> AsyncIterator[Crew]:
    made = Crew(amqp_url)
    yield made
    await made.close()


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            held = holds()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.1)


async def take(queue: RabbitQueue, count: int) -> list[Ticket]:
    tickets: list[Ticket] = []
    while len(tickets) < count:
        tickets += await within(queue.take(transactional=False, limit=count - len(tickets)))
    return tickets


async def make_busy(queue: RabbitQueue, ticket: Ticket, seconds: float = 0.1) -> None:
    """Have the gate refuse a site's tickets until it has queues of its own."""
    for _ in range(int(MANY_HELD) + 1):
        queue.told(ticket, LANE, waited=0.0, until=time.time() + seconds)
    await until(lambda: queue._sites.holds("slow"))


async def test_a_busy_site_gets_queues_and_its_held_tickets_wait_there_until_it_takes_more(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a", "b"))
    tickets = await take(queue, 2)
    await make_busy(queue, tickets[0])
    queue.told(tickets[0], LANE, waited=0.0, until=time.time() + 4)
    began = time.monotonic()
    for ticket in tickets:
        await queue.hold(ticket, site="slow", delay=4, generation=3)
        await queue.done(ticket)
    again = await take(queue, 2)
    assert time.monotonic() - began >= 3.5
    assert sorted(ticket.body for ticket in again) == [b"a", b"b"]
    assert {ticket.generation for ticket in again} == {3}


async def test_later_jobs_for_its_domains_go_to_the_site_s_queue_directly(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a", "b"))
    first, second = await take(queue, 2)
    await make_busy(queue, first)
    await asyncio.sleep(0.2)
    assert queue.admit(second, "slow", "slow.example")
    await until(lambda: "slow.example" in queue._sites.lines["slow"].bound)
    await queue.close()
    await crew.publish(jobs("c", "d"))
    await crew.publish(jobs("e", domain="other.example"))
    await until(lambda: _holds(crew, "bulk.slow", 2))
    again = await crew.worker()
    assert sorted(ticket.body for ticket in await take(again, 5)) == [b"a", b"b", b"c", b"d", b"e"]


async def _holds(crew: Crew, name: str, count: int) -> bool:
    return await crew.waiting(name) == count


async def test_a_worker_that_comes_later_finds_the_queues_by_itself(crew: Crew) -> None:
    first = await crew.worker()
    second = await crew.worker()
    await crew.publish(jobs("a"))
    for queue in (first, second):
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                [ticket] = await queue.take(transactional=False, limit=1)
                busy = queue
    await make_busy(busy, ticket)
    await until(lambda: all("slow" in queue._sites.lines for queue in (first, second)))
    await busy.hold(ticket, site="slow", delay=0, generation=1)
    await busy.done(ticket)
    await first.close()
    await second.close()
    third = await crew.worker()
    assert [each.body for each in await take(third, 1)] == [b"a"]


async def test_what_is_published_for_a_site_that_takes_nothing_is_looked_at_a_few_at_a_time(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a", "b"))
    first, second = await take(queue, 2)
    await make_busy(queue, first)
    await asyncio.sleep(0.2)
    assert queue.admit(second, "slow", "slow.example")
    await until(lambda: "slow.example" in queue._sites.lines["slow"].bound)
    queue.told(first, LANE, waited=0.0, until=time.time() + 600)
    await crew.publish(jobs(*(str(number) for number in range(4 * line.SPARE))))
    taken = await take(queue, line.SPARE)  # nobody else wants the room
    assert not any(queue.admit(ticket, "slow", "slow.example") for ticket in taken)
    more = asyncio.create_task(queue.take(transactional=False, limit=100))
    await crew.publish(jobs("other", domain="other.example"))
    assert [ticket.body for ticket in await within(more)] == [b"other"]
    for ticket in taken:
        await queue.hold(ticket, site="slow", delay=600, generation=1)
        await queue.done(ticket)
    assert len(await take(queue, line.SPARE)) == line.SPARE
    await until(lambda: _holds(crew, "held.slow", line.SPARE))  # nobody prefetches what cannot go


async def test_an_order_that_changes_has_held_tickets_come_up_at_once(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a"))
    [ticket] = await take(queue, 1)
    await make_busy(queue, ticket)
    queue.told(ticket, LANE, waited=0.0, until=time.time() + 600)
    await queue.hold(ticket, site="slow", delay=600, generation=0)
    await queue.done(ticket)
    taking = asyncio.create_task(take(queue, 1))
    await until(lambda: queue._sites.lines["slow"].held.resting)
    assert not taking.done()
    queue.wake()
    assert [each.body for each in await within(taking)] == [b"a"]


async def test_a_ticket_held_while_its_sites_queues_cannot_be_trusted_comes_up_again_soon(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a"))
    [ticket] = await take(queue, 1)
    await make_busy(queue, ticket)
    queue._sites.lines["slow"].trusted = False
    await queue.hold(ticket, site="slow", delay=600, generation=0)
    await queue.done(ticket)
    assert [each.body for each in await take(queue, 1)] == [b"a"]


async def test_a_domain_that_leads_to_the_wrong_queue_is_led_away_from_it(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a"))
    [ticket] = await take(queue, 1)
    await make_busy(queue, ticket)
    async with await aio_pika.connect(crew.url) as connection:
        channel = await (await connection.channel()).get_underlay_channel()
        await channel.exchange_bind(f"{PREFIX}.bulk.slow", f"{PREFIX}.tickets", "bulk.moved.example")
    await asyncio.sleep(0.2)
    await crew.publish(jobs("b", domain="moved.example"))
    [stray] = await take(queue, 1)
    assert queue.admit(stray, "elsewhere", "moved.example")
    await until(lambda: not queue._sites._wishes)
    await queue.close()
    await crew.publish(jobs("c", domain="moved.example"))
    assert await crew.waiting("bulk.slow") == 1  # only the stray, which was not finished
    await until(lambda: _holds(crew, "bulk", 2))


async def test_a_site_s_queues_are_given_back_when_its_mail_has_long_gone(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a"))
    [ticket] = await take(queue, 1)
    await make_busy(queue, ticket)
    await queue.done(ticket)
    monkeypatch.setattr(line, "QUIET", 0.5)
    monkeypatch.setattr(sites, "BARE", 1.0)
    monkeypatch.setattr(sites, "_RETIRE", 0.3)
    await until(lambda: "slow" not in queue._sites.lines)
    assert [await crew.waiting(name) for name in ("bulk.slow", "held.slow", "sites")] == [None, None, 0]
    await crew.publish(jobs("b"))
    assert [each.body for each in await take(queue, 1)] == [b"b"]


async def test_a_site_s_queue_deleted_by_hand_is_made_again(crew: Crew) -> None:
    queue = await crew.worker()
    await crew.publish(jobs("a"))
    [ticket] = await take(queue, 1)
    await make_busy(queue, ticket)
    async with await aio_pika.connect(crew.url) as connection, connection.channel() as channel:
        await channel.queue_delete(f"{PREFIX}.held.slow")

    async def held() -> bool:
        try:
            await queue.hold(ticket, site="slow", delay=0, generation=5)
        except QueueAway:
            return False
        return True

    await until(held)
    assert (await take(queue, 1))[0].generation == 5
    await until(lambda: queue._sites.holds("slow"))
