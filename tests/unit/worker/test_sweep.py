"""Expiry comes on time whatever becomes of the tickets."""

import pytest
from msgspec.structs import replace

from feedback.event import encode
from feedback.log import MAX_VALIDITY, OnDoubt
from feedback.writer import Writer
from tests.fakes import FakeLog, FakeOrders, FakeQueue, Journal
from tests.samples import FACE, NOW, STATE
from tests.virtual import virtual
from worker.orders.order import Cancellation, Order
from worker.orders.view import Orders
from worker.outage import Outage
from worker.settlement import Grouping, Settlement
from worker.sweep import Sweep


async def sweep(log: FakeLog, queue: FakeQueue, *given: Order) -> Sweep:
    outage, writer, clock = Outage(), Writer("w", str), lambda: NOW
    orders = Orders(FakeOrders(list(given)), clock)
    await orders.open()
    return Sweep(log, Settlement(log, queue, writer, outage, Grouping(linger=0.0)), writer, outage, clock, orders)


TOLD = replace(STATE, told=True)


async def test_an_expired_job_is_recorded_then_published_then_marked() -> None:
    journal = Journal()
    log, queue = FakeLog(journal, expired=[replace(TOLD, seq=3)]), FakeQueue(journal)
    await (await sweep(log, queue)).once()
    assert journal.calls == ["unpublished", "due", "record", "publish", "published", "due"]
    [event] = queue.events
    assert (event.event_id, event.cause, event.final) == ("j/4", "expired", True)


@pytest.mark.parametrize(
    ("wish", "event", "cause"),
    [("assume_sent", "sent", None), ("fail", "failed", "in_doubt"), ("retry", "failed", "expired")],
)
async def test_a_job_that_a_dead_worker_left_in_doubt_ends_as_it_wishes_when_it_expires(
    wish: OnDoubt, event: str, cause: str | None
) -> None:
    face = replace(FACE, on_doubt=wish)
    log, queue = FakeLog(expired=[replace(TOLD, face=face, seq=1, doubtful=True)]), FakeQueue()
    await (await sweep(log, queue)).once()
    assert [(told.event, told.cause, told.in_doubt) for told in queue.events] == [(event, cause, True)]
    assert [outcome.final for outcome in log.outcomes] == [event]


async def test_a_job_without_any_doubt_expires_whatever_it_wishes_for_doubt() -> None:
    face = replace(FACE, on_doubt="assume_sent")
    log, queue = FakeLog(expired=[replace(TOLD, face=face, seq=1)]), FakeQueue()
    await (await sweep(log, queue)).once()
    assert [told.cause for told in queue.events] == ["expired"]


async def test_a_job_that_expires_before_anybody_heard_of_it_is_reported_as_accepted_too() -> None:
    log, queue = FakeLog(expired=[STATE]), FakeQueue()
    await (await sweep(log, queue)).once()
    assert [event.event for event in queue.events] == ["accepted", "failed"]


async def test_what_its_last_worker_may_not_have_published_goes_out_before_it_is_written_over() -> None:
    journal = Journal()
    before = Writer("dead", str).expired(STATE, NOW)
    state = replace(STATE, seq=1, last_event=encode(before))
    log, queue = FakeLog(journal, expired=[state]), FakeQueue(journal)
    await (await sweep(log, queue)).once()
    assert journal.calls == ["unpublished", "due", "publish", "record", "publish", "published", "due"]
    assert [event.event_id for event in queue.events] == [before.event_id, "j/2"]


@virtual
async def test_a_job_taken_is_settled_though_the_store_goes_away_in_between() -> None:
    journal = Journal(failing={"record": 2, "published": 1})
    log, queue = FakeLog(journal, expired=[replace(TOLD, seq=1)]), FakeQueue(journal)
    await (await sweep(log, queue)).once()
    assert [event.event_id for event in queue.events] == ["j/2"]
    assert journal.calls[-2:] == ["published", "due"]


async def test_a_job_that_another_worker_settled_meanwhile_is_left_alone() -> None:
    log, queue = FakeLog(expired=[replace(TOLD, seq=1)], lost={"j"}), FakeQueue()
    await (await sweep(log, queue)).once()
    assert queue.events == []


async def test_what_a_dead_worker_recorded_and_did_not_publish_is_published() -> None:
    event = Writer("w", str).expired(STATE, NOW)
    log, queue = FakeLog(left=[encode(event)]), FakeQueue()
    await (await sweep(log, queue)).once()
    assert queue.events == [event]
    assert "published" in log.journal.calls


CALLED_OFF = Cancellation(delivery_id="d", since=NOW - 1, by="ann@ops")


async def test_the_jobs_of_a_cancelled_delivery_are_settled_though_their_tickets_wait() -> None:
    other = replace(STATE, face=replace(FACE, job_id="k", delivery_id="another"))
    log, queue = FakeLog(open_jobs=[replace(TOLD, seq=2), other]), FakeQueue()
    await (await sweep(log, queue, CALLED_OFF)).once()
    assert log.journal.calls == ["unpublished", "due", "unsettled", "record", "published", "due", "unsettled"]
    [event] = queue.events
    assert (event.event_id, event.event, event.log_status, event.final) == ("j/3", "cancelled", "cancelled", True)
    assert (event.in_doubt, event.cause, event.qualification) == (False, None, None)
    assert [outcome.final for outcome in log.outcomes] == ["cancelled"]
    assert log.open_jobs == [other]


async def test_a_cancelled_job_that_the_receiver_may_have_taken_says_so() -> None:
    log, queue = FakeLog(open_jobs=[replace(TOLD, seq=2, doubtful=True)]), FakeQueue()
    await (await sweep(log, queue, CALLED_OFF)).once()
    assert [event.in_doubt for event in queue.events] == [True]
    assert [outcome.doubtful for outcome in log.outcomes] == [True]


async def test_expiry_stays_on_time_between_the_batches_of_a_cancelled_delivery() -> None:
    states = [replace(TOLD, seq=1, face=replace(FACE, job_id=f"j{number}")) for number in range(501)]
    log, queue = FakeLog(open_jobs=states), FakeQueue()
    await (await sweep(log, queue, CALLED_OFF)).once()
    assert [call for call in log.journal.calls if call in ("due", "unsettled")] == ["due", "unsettled"] * 2 + [
        "due",
        "unsettled",
    ]
    assert len(queue.events) == 501


async def test_a_delivery_cancelled_longer_ago_than_any_job_lives_is_no_longer_looked_for() -> None:
    log = FakeLog(open_jobs=[STATE])
    old = replace(CALLED_OFF, since=NOW - MAX_VALIDITY - 1)
    await (await sweep(log, FakeQueue(), old)).once()
    assert "unsettled" not in log.journal.calls
