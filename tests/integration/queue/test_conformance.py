"""What every queue adapter promises, each promise held by both."""

import asyncio
import random
import time

import pytest
from msgspec.structs import replace

from feedback.stream import FeedbackMessage
from tests.integration.queue.transports import RabbitTransport, SqliteTransport, within
from worker.queue import Job, JobPublisher, JobQueue, QueueAway, Ticket

Transport = RabbitTransport | SqliteTransport

ODD_KEYS = ["", "x", "a.b.c", "#", "*.*", "...", "bulk", "transactionally.example.net", "ключ.пример", "k" * 255]


def job(body: str, key: str = "bulk.example.net") -> Job:
    return Job(body=body.encode(), routing_key=key)


async def take(queue: JobQueue, count: int = 1, *, transactional: bool = False) -> list[Ticket]:
    """Exactly so many tickets."""
    tickets: list[Ticket] = []
    while len(tickets) < count:
        tickets += await within(queue.take(transactional=transactional, limit=count - len(tickets)))
    return tickets


def bodies(tickets: list[Ticket]) -> list[str]:
    return [ticket.body.decode() for ticket in tickets]


async def test_a_published_job_comes_off_as_it_was_published(queue: JobQueue, publisher: JobPublisher) -> None:
    body = bytes(range(256)) * 1000
    await publisher.publish([Job(body=body, routing_key="bulk.example.net", content_type="message/rfc822")])
    [ticket] = await take(queue)
    assert replace(ticket, receipt=None) == Ticket(
        body=body, content_type="message/rfc822", headers={}, generation=0, transactional=False
    )


async def test_any_routing_key_is_accepted(queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job(str(number), key) for number, key in enumerate(ODD_KEYS)])
    assert bodies(await take(queue, len(ODD_KEYS))) == [str(number) for number in range(len(ODD_KEYS))]


async def test_the_first_word_of_the_key_makes_a_ticket_transactional(queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job("a", "transactional.example.net"), job("b", "transactional")])
    tickets = await take(queue, 2, transactional=True)
    assert [ticket.transactional for ticket in tickets] == [True, True]


async def test_transactional_never_waits_behind_bulk(queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job(str(number)) for number in range(500)])
    await take(queue, 50)
    await publisher.publish([job("urgent", "transactional.example.net")])
    assert bodies(await take(queue, transactional=True)) == ["urgent"]


async def test_take_gives_no_more_than_its_limit(queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job(str(number)) for number in range(20)])
    seen: list[str] = []
    while len(seen) < 20:
        tickets = await within(queue.take(transactional=False, limit=7))
        assert 1 <= len(tickets) <= 7
        seen += bodies(tickets)
    assert seen == [str(number) for number in range(20)]


async def test_take_waits_until_something_is_published(queue: JobQueue, publisher: JobPublisher) -> None:
    waiting = asyncio.create_task(queue.take(transactional=False, limit=10))
    await publisher.publish([job("urgent", "transactional.example.net")])
    await take(queue, transactional=True)
    assert not waiting.done()
    await publisher.publish([job("late")])
    assert bodies(await within(waiting)) == ["late"]


async def test_a_take_that_is_cancelled_loses_nothing(queue: JobQueue, publisher: JobPublisher) -> None:
    for number in range(20):
        waiting = asyncio.create_task(queue.take(transactional=False, limit=10))
        publishing = asyncio.create_task(publisher.publish([job(str(number))]))
        for _ in range(number):
            await asyncio.sleep(0)
        waiting.cancel()
        await publishing
        await asyncio.wait([waiting])
        tickets = await take(queue) if waiting.cancelled() else waiting.result()
        assert bodies(tickets) == [str(number)]


async def test_unfinished_tickets_come_back_after_a_close_and_finished_ones_do_not(
    transport: Transport, queue: JobQueue, publisher: JobPublisher
) -> None:
    await publisher.publish([job(str(number)) for number in range(10)])
    tickets = await take(queue, 10)
    for number in (1, 2, 3, 7):
        await queue.done(tickets[number])
    await queue.close()
    again = await transport.worker()
    assert sorted(bodies(await take(again, 6))) == ["0", "4", "5", "6", "8", "9"]


async def test_tickets_finished_in_any_order_are_all_finished(
    transport: Transport, queue: JobQueue, publisher: JobPublisher
) -> None:
    await publisher.publish([job(str(number)) for number in range(1000)])
    dice = random.Random(1)
    in_hand: list[Ticket] = []
    seen = 0
    while seen < 1000 or in_hand:
        if seen < 1000 and len(in_hand) < 80:
            taken = await within(queue.take(transactional=False, limit=40))
            seen += len(taken)
            in_hand += taken
        dice.shuffle(in_hand)
        finished, in_hand = in_hand[:35], in_hand[35:]
        await asyncio.gather(*(queue.done(ticket) for ticket in finished))
    await queue.close()
    again = await transport.worker()
    await publisher.publish([job("the only one")])
    assert bodies(await take(again)) == ["the only one"]


async def test_a_receipt_is_void_after_a_close(queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job("a")])
    [old] = await take(queue)
    await queue.close()
    await queue.open()
    [new] = await take(queue)
    await queue.done(old)
    await queue.close()
    await queue.open()
    assert bodies(await take(queue)) == [new.body.decode()]


async def test_a_parked_ticket_comes_up_with_its_generation_and_content(
    queue: JobQueue, publisher: JobPublisher
) -> None:
    await publisher.publish([Job(body=b"\x00\xff", routing_key="bulk.example.net", content_type="message/rfc822")])
    [ticket] = await take(queue)
    await queue.park(ticket, delay=1, generation=7, transactional=False)
    await queue.done(ticket)
    [again] = await take(queue)
    assert replace(again, receipt=None) == Ticket(
        body=b"\x00\xff", content_type="message/rfc822", headers={}, generation=7, transactional=False
    )
    await queue.park(again, delay=1, generation=8, transactional=False)
    assert (await take(queue))[0].generation == 8


@pytest.mark.parametrize(("key", "transactional"), [("bulk.a.example", True), ("transactional.a.example", False)])
async def test_a_ticket_is_parked_in_the_class_that_is_asked_for(
    queue: JobQueue, publisher: JobPublisher, key: str, transactional: bool
) -> None:
    await publisher.publish([job("a", key)])
    [ticket] = await take(queue, transactional=not transactional)
    await queue.park(ticket, delay=0, generation=1, transactional=transactional)
    [again] = await take(queue, transactional=transactional)
    assert again.transactional == transactional


async def test_parked_tickets_come_up_when_they_are_due_and_never_before(
    queue: JobQueue, publisher: JobPublisher
) -> None:
    delays = {"0": 3.4, "1": 1.2, "2": 0.0, "3": 2.2}
    await publisher.publish([job(body) for body in delays])
    parked_at = {}
    for ticket in await take(queue, 4):
        body = ticket.body.decode()
        parked_at[body] = time.time()
        await queue.park(ticket, delay=delays[body], generation=1, transactional=False)
        await queue.done(ticket)
    order = []
    for _ in delays:
        [ticket] = await take(queue)
        body = ticket.body.decode()
        assert time.time() - parked_at[body] >= delays[body] - 0.01
        order.append(body)
    assert order == ["2", "1", "3", "0"]


async def test_a_parked_copy_survives_a_close(transport: Transport, queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job("a")])
    [ticket] = await take(queue)
    await queue.park(ticket, delay=1, generation=1, transactional=False)
    await queue.done(ticket)
    await queue.close()
    again = await transport.worker()
    assert (await take(again))[0].generation == 1


async def test_parking_does_not_finish_a_ticket(transport: Transport, queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job("a")])
    [ticket] = await take(queue)
    await queue.park(ticket, delay=1, generation=1, transactional=False)
    await queue.close()
    again = await transport.worker()
    assert sorted(each.generation for each in await take(again, 2)) == [0, 1]


async def test_a_rejected_ticket_goes_unchanged_to_the_rejected_queue_with_its_reason(
    transport: Transport, queue: JobQueue, publisher: JobPublisher
) -> None:
    body = b'{"job_id": \xff\x00'
    await publisher.publish([Job(body=body, routing_key="bulk.example.net", content_type="text/odd")])
    [ticket] = await take(queue)
    await queue.reject(ticket, "job_id: «nothing»")
    await queue.close()
    rejected = await transport.rejected()
    assert (rejected.body, rejected.content_type) == (body, "text/odd")
    assert dict(rejected.headers) == {"x-reason": "job_id: «nothing»"}
    again = await transport.worker()
    await publisher.publish([job("the only one")])
    assert bodies(await take(again)) == ["the only one"]


async def test_feedback_comes_in_order_and_comes_back_until_it_is_done(transport: Transport, queue: JobQueue) -> None:
    for number in range(20):
        await queue.publish_events(b"%d" % number)
    stream = await transport.stream()
    messages: list[FeedbackMessage] = []
    while len(messages) < 20:
        messages += await within(stream.take(20 - len(messages)))
    assert [message.body for message in messages] == [b"%d" % number for number in range(20)]
    await stream.done(messages[:5] + messages[10:])
    await stream.close()
    again = await transport.stream()
    left: list[FeedbackMessage] = []
    while len(left) < 5:
        left += await within(again.take(5 - len(left)))
    assert [message.body for message in left] == [b"5", b"6", b"7", b"8", b"9"]
    await again.done(left)
    await queue.publish_events(b"the only one")
    assert [message.body for message in await within(again.take(10))] == [b"the only one"]


async def test_two_prefixes_do_not_see_each_other(
    transport: Transport, queue: JobQueue, publisher: JobPublisher
) -> None:
    await transport.empty("conformance2")
    other_queue, other_publisher = await transport.worker("conformance2"), await transport.publisher("conformance2")
    await publisher.publish([job("a")])
    await other_publisher.publish([job("b")])
    [ticket], [other] = await take(queue), await take(other_queue)
    assert (ticket.body, other.body) == (b"a", b"b")
    await queue.park(ticket, delay=0, generation=1, transactional=False)
    await other_queue.park(other, delay=0, generation=2, transactional=False)
    assert [bodies(await take(queue)), bodies(await take(other_queue))] == [["a"], ["b"]]


async def test_what_is_closed_says_that_it_is_away(queue: JobQueue, publisher: JobPublisher) -> None:
    await publisher.publish([job("a")])
    [ticket] = await take(queue)
    await queue.close()
    await publisher.close()
    with pytest.raises(QueueAway):
        await publisher.publish([job("b")])
    with pytest.raises(QueueAway):
        await queue.park(ticket, delay=1, generation=1, transactional=False)
    with pytest.raises(QueueAway):
        await queue.reject(ticket, "late")
    with pytest.raises(QueueAway):
        await queue.publish_events(b"{}")
