"""RabbitMQ as it really behaves: lost connections, a restart, an alarm, missing queues, hostile properties."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aio_pika
import pytest

from tests.faults.proxy import Proxy, through
from tests.integration.queue.transports import DEADLINE, RabbitTransport, within
from tests.services.rabbitmq import RabbitNode
from worker.queue import Job, QueueAway, Ticket
from worker.queue.rabbit import Prefetch, RabbitFeedback, RabbitPublisher, RabbitQueue, intake, outlet

PREFIX = "conformance"


@pytest.fixture
async def transport(amqp_url: str) -> AsyncIterator[RabbitTransport]:
    made = RabbitTransport(url=amqp_url)
    await made.empty()
    yield made
    await made.close()


@pytest.fixture
async def queue(transport: RabbitTransport) -> RabbitQueue:
    made: RabbitQueue = await transport.opening(
        RabbitQueue(transport.url, PREFIX, prefetch=Prefetch(bulk=100, transactional=100), timeout=2.0)
    )
    return made


@pytest.fixture
async def publisher(transport: RabbitTransport) -> RabbitPublisher:
    made: RabbitPublisher = await transport.opening(RabbitPublisher(transport.url, PREFIX, timeout=2.0))
    return made


def jobs(*bodies: str) -> list[Job]:
    return [Job(body=body.encode(), routing_key="bulk.example.net") for body in bodies]


async def take(queue: RabbitQueue, count: int = 1) -> list[Ticket]:
    tickets: list[Ticket] = []
    while len(tickets) < count:
        tickets += await within(queue.take(transactional=False, limit=count - len(tickets)))
    return tickets


async def publish_raw(url: str, message: aio_pika.Message, exchange: str = f"{PREFIX}.jobs", key: str = "x") -> None:
    async with await aio_pika.connect(url) as connection, connection.channel(on_return_raises=True) as channel:
        target = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
        await target.publish(message, key)


async def outlast(call: Callable[[], Awaitable[None]]) -> None:
    """Repeat a publish until the broker takes it, as a worker does."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                return await call()
            except QueueAway:
                await asyncio.sleep(0.1)


async def test_unfinished_tickets_come_back_after_a_lost_connection_and_old_receipts_are_void(
    rabbitmq_node: RabbitNode, queue: RabbitQueue, publisher: RabbitPublisher
) -> None:
    await publisher.publish(jobs("a", "b", "c"))
    first = await take(queue, 3)
    waiting = asyncio.create_task(take(queue, 3))
    await asyncio.to_thread(rabbitmq_node.ctl, "close_all_connections", "a test")
    again = await within(waiting)
    assert sorted(ticket.body for ticket in again) == [b"a", b"b", b"c"]
    for ticket in first:
        await queue.done(ticket)
    await queue.close()
    await queue.open()
    assert len(await take(queue, 3)) == 3


async def test_a_queue_that_lost_its_broker_resumes_by_itself_with_nothing_lost(
    rabbitmq_node: RabbitNode, queue: RabbitQueue, publisher: RabbitPublisher, transport: RabbitTransport
) -> None:
    stream: RabbitFeedback = await transport.opening(RabbitFeedback(transport.url, PREFIX))
    await publisher.publish(jobs(*(str(number) for number in range(200))))
    [ticket, *_] = await take(queue, 50)
    await queue.park(ticket, delay=4, generation=9, transactional=False)
    await queue.done(ticket)
    reading = asyncio.create_task(stream.take(10))
    await asyncio.to_thread(rabbitmq_node.kill)
    with pytest.raises(QueueAway):
        await queue.publish_events(b"{}")
    with pytest.raises(QueueAway):
        await publisher.publish(jobs("z"))
    taking = asyncio.create_task(take(queue))
    await asyncio.to_thread(rabbitmq_node.start)
    back = await within(taking)
    seen: set[bytes] = set()
    generations: set[int] = set()
    while len(seen) < 200 or 9 not in generations:
        for each in back:
            seen.add(each.body)
            generations.add(each.generation)
            await queue.done(each)
        back = [] if len(seen) == 200 and 9 in generations else await take(queue)
    await outlast(lambda: queue.publish_events(b"after"))
    assert [message.body for message in await within(reading)] == [b"after"]


async def test_a_broker_short_of_memory_holds_publishers_back_and_consumers_go_on(
    rabbitmq_node: RabbitNode, queue: RabbitQueue, publisher: RabbitPublisher, transport: RabbitTransport
) -> None:
    await publisher.publish(jobs(*(str(number) for number in range(150))))
    stream: RabbitFeedback = await transport.opening(RabbitFeedback(transport.url, PREFIX))
    await asyncio.to_thread(rabbitmq_node.ctl, "set_vm_memory_high_watermark", "absolute", "1")
    try:
        with pytest.raises(QueueAway, match="did not confirm within 2 s"):
            await queue.publish_events(b"held back")
        for _ in range(20):
            with pytest.raises(QueueAway, match="does not confirm"):
                await queue.publish_events(b"not even written")
        for _ in range(150):
            [ticket] = await take(queue)
            await queue.done(ticket)
    finally:
        await asyncio.to_thread(rabbitmq_node.ctl, "set_vm_memory_high_watermark", "absolute", "1GB")
    await outlast(lambda: queue.publish_events(b"after"))
    bodies: list[bytes] = []
    while b"after" not in bodies:
        bodies += [message.body for message in await within(stream.take(10))]
    assert bodies == [b"held back", b"after"]


async def test_a_confirmation_that_never_comes_costs_a_connection_that_looks_alive(
    rabbitmq_node: RabbitNode, transport: RabbitTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outlet, "_LONGEST", 1.0)
    queue = await transport.opening(RabbitQueue(transport.url, PREFIX, timeout=0.5))
    await asyncio.to_thread(rabbitmq_node.ctl, "set_vm_memory_high_watermark", "absolute", "1")
    try:
        told = ""
        async with asyncio.timeout(DEADLINE):
            while "is away" not in told:
                told = await refusal(queue)
                await asyncio.sleep(0.1)
    finally:
        await asyncio.to_thread(rabbitmq_node.ctl, "set_vm_memory_high_watermark", "absolute", "1GB")
    await outlast(lambda: queue.publish_events(b"after"))


async def refusal(queue: RabbitQueue) -> str:
    with pytest.raises(QueueAway) as told:
        await queue.publish_events(b"held back")
    return str(told.value)


async def test_a_peer_that_died_without_a_word_is_noticed_by_its_missing_heartbeats(
    rabbitmq_node: RabbitNode, transport: RabbitTransport
) -> None:
    with Proxy(int(rabbitmq_node.url.rpartition(":")[2].strip("/"))) as proxy:
        url = f"{through(transport.url, proxy.port)}?heartbeat=1"
        queue = await transport.opening(RabbitQueue(url, PREFIX, timeout=0.5))
        proxy.freeze()
        async with asyncio.timeout(DEADLINE):
            while queue._in._now is not None or queue._out._now is not None:
                await asyncio.sleep(0.1)
        proxy.cut()
        proxy.thaw()
        await outlast(lambda: queue.publish_events(b"back"))


async def test_a_missing_feedback_queue_is_never_a_silent_loss_and_is_made_again(
    transport: RabbitTransport, queue: RabbitQueue
) -> None:
    async with await aio_pika.connect(transport.url) as connection, connection.channel() as channel:
        await channel.queue_delete(f"{PREFIX}.feedback")
    with pytest.raises(QueueAway):
        await queue.publish_events(b"lost?")
    await outlast(lambda: queue.publish_events(b"kept"))
    stream: RabbitFeedback = await transport.opening(RabbitFeedback(transport.url, PREFIX))
    assert [message.body for message in await within(stream.take(1))] == [b"kept"]


async def test_a_deleted_job_queue_is_made_again(
    transport: RabbitTransport, queue: RabbitQueue, publisher: RabbitPublisher
) -> None:
    taking = asyncio.create_task(take(queue))
    async with await aio_pika.connect(transport.url) as connection, connection.channel() as channel:
        await channel.queue_delete(f"{PREFIX}.bulk")
    async with asyncio.timeout(DEADLINE):
        while not taking.done():
            await outlast(lambda: publisher.publish(jobs("a")))
            await asyncio.wait([taking], timeout=0.2)
    assert taking.result()[0].body == b"a"


async def test_a_consumer_that_the_broker_forgot_is_noticed(
    transport: RabbitTransport, publisher: RabbitPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_WATCH", 0.2)
    queue: RabbitQueue = await transport.opening(RabbitQueue(transport.url, PREFIX))
    taking = asyncio.create_task(take(queue))
    tap = queue._bulk._tap
    assert tap is not None
    await tap.channel.basic_cancel(f"{PREFIX}.bulk")
    await publisher.publish(jobs("a"))
    assert [ticket.body for ticket in await within(taking)] == [b"a"]


async def test_what_a_new_installation_confirmed_survives_a_killed_broker(rabbitmq_node: RabbitNode) -> None:
    publisher, queue = RabbitPublisher(rabbitmq_node.url, "young"), RabbitQueue(rabbitmq_node.url, "young")
    await publisher.open()
    await publisher.publish(jobs(*(str(number) for number in range(300))))
    await asyncio.to_thread(rabbitmq_node.kill)
    await asyncio.to_thread(rabbitmq_node.start)
    await within(outlast(queue.open))
    assert {ticket.body for ticket in await take(queue, 300)} == {str(number).encode() for number in range(300)}
    await publisher.close()
    await queue.close()


async def test_headers_too_long_for_a_copy_do_not_break_the_connection(
    transport: RabbitTransport, queue: RabbitQueue, publisher: RabbitPublisher
) -> None:
    headers: dict[str, Any] = {"long": "x" * 130_900, "job_id": "a"}
    await publish_raw(transport.url, aio_pika.Message(b"a", headers=headers))
    [ticket] = await take(queue)
    await queue.park(ticket, delay=0, generation=1, transactional=False)
    [again] = await take(queue)
    assert again.headers == {"job_id": "a"}


async def test_headers_survive_parking_and_the_journey_leaves_no_trace(
    transport: RabbitTransport, queue: RabbitQueue
) -> None:
    headers: dict[str, Any] = {
        "job_id": "a",
        "wave": 3,
        "test": True,
        "not_before": "2030-01-01T00:00:00Z",
        "context": '{"a": 1}',
    }
    message = aio_pika.Message(
        b"From: a\r\n\r\n", content_type="message/rfc822", headers=headers | {"CC": ["y"]}, message_id="same"
    )
    await publish_raw(transport.url, message)
    [ticket] = await take(queue)
    await queue.done(ticket)
    for generation in (1, 2):
        await queue.park(ticket, delay=1, generation=generation, transactional=False)
        [ticket] = await take(queue)
        assert (ticket.headers, ticket.content_type, ticket.generation) == (headers, "message/rfc822", generation)


async def test_no_publisher_can_pass_a_job_off_as_a_retry_ticket(
    transport: RabbitTransport, queue: RabbitQueue
) -> None:
    forged: dict[str, Any] = {"x-generation": 5, "x-due": round((time.time() + 3600) * 1000), "wait-17": True}
    await publish_raw(transport.url, aio_pika.Message(b"a", headers=forged))
    [ticket] = await take(queue)
    assert (ticket.generation, ticket.headers) == (0, forged)


async def test_a_ticket_that_must_wait_longer_than_the_ladder_is_high_goes_down_it_again_unseen(
    transport: RabbitTransport, queue: RabbitQueue, publisher: RabbitPublisher
) -> None:
    began = time.monotonic()
    early = aio_pika.Message(b"early", headers={"x-rest": 4, "x-generation": 4, "job_id": "a"})
    await publish_raw(transport.url, early, exchange="", key=f"{PREFIX}.bulk")
    await publisher.publish(jobs("b"))
    assert [ticket.body for ticket in await take(queue)] == [b"b"]
    [ticket] = await take(queue)
    assert (ticket.body, ticket.generation, ticket.headers) == (b"early", 4, {"job_id": "a"})
    assert time.monotonic() - began >= 4


async def test_a_rejected_copy_keeps_its_properties_and_is_routed_nowhere_else(
    transport: RabbitTransport, queue: RabbitQueue
) -> None:
    message = aio_pika.Message(
        b"bad",
        content_type="text/odd",
        headers={"a": 1, "CC": [f"{PREFIX}.feedback"]},
        correlation_id="c",
        message_id="m",
        app_id="app",
        priority=3,
        timestamp=1_700_000_000,
        user_id="guest",
    )
    await publish_raw(transport.url, message)
    [ticket] = await take(queue)
    await queue.reject(ticket, "because")
    async with await aio_pika.connect(transport.url) as connection, connection.channel() as channel:
        rejected = await (await channel.get_queue(f"{PREFIX}.rejected")).get(timeout=DEADLINE)
        feedback = await (await channel.get_queue(f"{PREFIX}.feedback")).get(fail=False)
        await rejected.ack()
    assert feedback is None
    assert (rejected.body, rejected.content_type, rejected.correlation_id) == (b"bad", "text/odd", "c")
    assert (rejected.message_id, rejected.app_id, rejected.priority) == ("m", "app", 3)
    assert rejected.timestamp is not None
    assert rejected.timestamp.timestamp() == 1_700_000_000
    assert (rejected.headers["a"], rejected.headers["x-reason"]) == (1, "because")


async def test_queues_are_quorum_queues_and_an_installation_s_own_choice_is_left_alone(
    rabbitmq_node: RabbitNode, transport: RabbitTransport
) -> None:
    async with await aio_pika.connect(transport.url) as connection, connection.channel() as channel:
        await channel.declare_queue("chosen.feedback", durable=True)
    queue = await transport.opening(RabbitQueue(transport.url, "chosen"))
    await queue.publish_events(b"{}")
    listed = await asyncio.to_thread(rabbitmq_node.ctl, "list_queues", "name", "type")
    types = dict(line.split("\t") for line in listed.splitlines() if line.startswith("chosen."))
    assert types.pop("chosen.feedback") == "classic"
    assert set(types.values()) == {"quorum"}
    assert len(types) == 22


async def test_others_may_declare_the_names_of_the_contract_plainly(
    transport: RabbitTransport, queue: RabbitQueue
) -> None:
    async with await aio_pika.connect(transport.url) as connection, connection.channel() as channel:
        await channel.declare_exchange(f"{PREFIX}.jobs", "topic", durable=True)
        await channel.declare_exchange(f"{PREFIX}.feedback", "topic", durable=True)
        for name in ("feedback", "rejected"):
            await channel.declare_queue(f"{PREFIX}.{name}", durable=True, arguments={"x-queue-type": "quorum"})


async def test_a_broker_that_refuses_us_is_away_and_the_password_is_not_told() -> None:
    for adapter in (
        RabbitQueue("amqp://guest:s3cret@127.0.0.1:1/"),
        RabbitPublisher("amqp://guest:s3cret@127.0.0.1:1/"),
    ):
        with pytest.raises(QueueAway) as told:
            await adapter.open()
        assert "s3cret" not in f"{told.value} {told.value!r} {told.value.__cause__!r} {adapter!r}"


async def test_a_wrong_password_is_away_and_not_told(amqp_url: str) -> None:
    wrong = amqp_url.replace("guest:guest", "guest:s3cret")
    with pytest.raises(QueueAway) as told:
        await RabbitQueue(wrong).open()
    assert "s3cret" not in f"{told.value} {told.value.__cause__!r}"


@pytest.mark.long
async def test_delays_are_exact_to_five_seconds_or_a_twentieth(queue: RabbitQueue, publisher: RabbitPublisher) -> None:
    delays = [1.0, 2.0, 3.5, 5.0, 7.0, 10.0, 15.0, 21.0, 31.0, 45.0, 63.0, 80.0]
    await publisher.publish(jobs(*map(str, delays)))
    parked_at = {}
    for ticket in await take(queue, len(delays)):
        parked_at[ticket.body] = time.monotonic()
        await queue.park(ticket, delay=float(ticket.body), generation=1, transactional=False)
        await queue.done(ticket)
    late = {}
    for _ in delays:
        [ticket] = await take(queue)
        late[float(ticket.body)] = time.monotonic() - parked_at[ticket.body] - float(ticket.body)
    print({delay: round(seconds, 2) for delay, seconds in late.items()})
    assert all(-0.01 <= seconds <= max(5.0, delay / 20) for delay, seconds in late.items())
