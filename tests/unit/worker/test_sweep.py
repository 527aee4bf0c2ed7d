"""Expiry comes on time whatever becomes of the tickets."""

import dataclasses

from feedback.event import encode
from feedback.writer import Writer
from tests.fakes import FakeLog, FakeQueue, Journal
from tests.samples import NOW, STATE
from worker.outage import Outage
from worker.settlement import Grouping, Settlement
from worker.sweep import Sweep


def sweep(log: FakeLog, queue: FakeQueue) -> Sweep:
    outage, writer = Outage(), Writer("w", str)
    return Sweep(log, Settlement(log, queue, writer, outage, Grouping(linger=0.0)), writer, outage, lambda: NOW)


async def test_an_expired_job_is_recorded_then_published_then_marked() -> None:
    journal = Journal()
    log, queue = FakeLog(journal, expired=[dataclasses.replace(STATE, seq=3)]), FakeQueue(journal)
    await sweep(log, queue).once()
    assert journal.calls == ["unpublished", "due", "record", "publish", "published", "due"]
    [event] = queue.events
    assert (event.event_id, event.cause, event.final) == ("j/4", "expired", True)


async def test_a_job_that_expires_before_anybody_heard_of_it_is_reported_as_accepted_too() -> None:
    log, queue = FakeLog(expired=[STATE]), FakeQueue()
    await sweep(log, queue).once()
    assert [event.event for event in queue.events] == ["accepted", "failed"]


async def test_a_job_that_another_worker_settled_meanwhile_is_left_alone() -> None:
    log, queue = FakeLog(expired=[dataclasses.replace(STATE, seq=1)], lost={"j"}), FakeQueue()
    await sweep(log, queue).once()
    assert queue.events == []


async def test_what_a_dead_worker_recorded_and_did_not_publish_is_published() -> None:
    event = Writer("w", str).expired(STATE, NOW)
    log, queue = FakeLog(left=[encode(event)]), FakeQueue()
    await sweep(log, queue).once()
    assert queue.events == [event]
    assert "published" in log.journal.calls
