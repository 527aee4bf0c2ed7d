"""Record, then publish, then park, then finish: nothing is lost whichever of them fails."""

import asyncio

import pytest
from msgspec.structs import replace

from feedback.event import encode
from feedback.log import DeliveryLog, Fresh, InDoubt, Settled, Taken, Waiting
from feedback.log.story import read_attempts, read_holds
from feedback.qualification import Code, Qualification, Reason, Type
from feedback.writer import Writer
from mta.attempt import Attempt, Delivered, Path, Phase, Refused
from mta.reply import Reply
from tests.fakes import FakeLog, FakeQueue, Journal
from tests.samples import NOW, STATE
from worker.disposition import Done, Expired, HeldUntil, RetryAt
from worker.outage import Outage
from worker.preparation import impossible
from worker.queue import JobQueue, Ticket
from worker.settlement import Grouping, Settlement

SOFT = Qualification(code=Code.MAILBOX_FULL, type=Type.SOFT, reason=Reason.MAILBOX_FULL, rule="full")
TICKET = Ticket(body=b"{}")


def tried(reply: Reply) -> Attempt:
    ending = Delivered(reply) if reply.positive else Refused(reply)
    return Attempt(phase=Phase.BODY, ending=ending, path=Path(site="b.example"), began_at=NOW, duration=0.25)


class Desk:
    """A settlement over fakes."""

    def __init__(self, **failing: int) -> None:
        self.journal = Journal(failing=failing)
        self.log, self.queue = FakeLog(self.journal), FakeQueue(self.journal)
        log: DeliveryLog = self.log
        queue: JobQueue = self.queue
        self.writer = Writer("w", str.lower)
        self.settlement = Settlement(log, queue, self.writer, Outage(), Grouping(linger=0.0))


async def test_a_sent_job_is_recorded_published_and_finished_in_that_order() -> None:
    desk = Desk()
    await desk.settlement.settle(TICKET, STATE, Done(tried(Reply(250, "2.0.0 Ok"))), NOW)
    assert desk.journal.calls == ["record", "publish", "done"]
    [outcome], [event] = desk.log.outcomes, desk.queue.events
    assert (outcome.final, outcome.seq, outcome.attempt, outcome.event) == ("sent", 1, 1, encode(event))
    assert (event.event_id, event.event, event.final, event.retry_count) == ("j/1", "sent", True, 0)
    assert event.timing is not None
    assert (event.timing.queued_ms, event.timing.smtp_ms) == (10_000, 250)


async def test_a_delayed_job_is_parked_after_its_event_is_out() -> None:
    desk = Desk()
    await desk.settlement.settle(TICKET, STATE, RetryAt(NOW + 300, tried(Reply(452, "4.2.2 Full")), SOFT), NOW)
    assert desk.journal.calls == ["record", "publish", "park", "parked", "done"]
    [event] = desk.queue.events
    assert (event.event, event.final, event.log_status) == ("delayed", False, "taken_into_account")
    assert event.smtp is not None
    assert (event.smtp.code, event.smtp.enhanced, event.smtp.canonical) == (452, "4.2.2", "4.2.2 full")
    assert desk.queue.parked == [(TICKET, 300.0, 1)]


async def test_a_job_that_waits_for_its_expiry_needs_no_ticket() -> None:
    desk = Desk()
    await desk.settlement.settle(TICKET, STATE, RetryAt(STATE.expires_at, tried(Reply(452, "4.2.2 Full")), SOFT), NOW)
    assert desk.queue.parked == []
    assert desk.queue.finished == [TICKET]


async def test_a_held_job_is_handed_back_without_an_event() -> None:
    desk = Desk()
    await desk.settlement.settle(TICKET, STATE, HeldUntil(NOW + 60, "its turn"), NOW)
    assert desk.journal.calls == ["release", "park", "done"]
    assert desk.queue.parked == [(TICKET, 60.0, 0)]


async def test_a_held_job_is_handed_back_with_what_it_waits_for() -> None:
    desk = Desk()
    held = HeldUntil(NOW + 60, "rule big: 3 connections", "big.example", "big", "421 too many")
    await desk.settlement.settle(TICKET, STATE, held, NOW)
    [hold] = read_holds(desk.log.holds["j"])
    assert (hold.since, hold.until, hold.why) == (NOW, NOW + 60, "rule big: 3 connections")
    assert (hold.site, hold.rule, hold.reply, hold.attempts) == ("big.example", "big", "421 too many", STATE.attempt)


async def test_an_attempt_that_failed_is_recorded_with_what_was_said() -> None:
    desk = Desk()
    said = replace(tried(Reply(452, "4.2.2 Full")), dialogue=[("C", b"DATA"), ("S", b"452 4.2.2 Full")])
    await desk.settlement.settle(TICKET, STATE, RetryAt(NOW + 300, said, SOFT), NOW)
    [outcome] = desk.log.outcomes
    assert outcome.story is not None
    [kept] = read_attempts([outcome.story])
    assert (kept.attempt, kept.event, kept.ms) == (1, "delayed", 250)
    assert list(kept.dialogue) == ["C DATA", "S 452 4.2.2 Full"]
    assert kept.qualification is not None
    assert kept.qualification.rule == "full"


async def test_a_message_of_feedback_has_the_trace_that_all_its_events_have() -> None:
    one, other = (f"00-{digit * 32}-b7ad6b7169203331-01" for digit in "ab")
    for traces, wanted in (([one, one], one), ([one, other], None), ([one, None], None), ([None, None], None)):
        desk = Desk()
        told = [replace(STATE, face=replace(STATE.face, traceparent=trace)) for trace in traces]
        await asyncio.gather(*(desk.settlement.publish(encode(desk.writer.accepted(state))) for state in told))
        assert desk.queue.traces == [wanted]
        assert [event.traceparent for event in desk.queue.events] == traces


async def test_an_impossible_job_fails_with_the_reason_in_words() -> None:
    desk = Desk()
    await desk.settlement.settle(TICKET, STATE, impossible("pool: there is no egress pool 'x'"), NOW)
    [event] = desk.queue.events
    assert (event.event, event.cause, event.detail) == ("failed", "rejected", "pool: there is no egress pool 'x'")
    assert event.qualification is not None
    assert event.qualification.code == 25
    assert event.smtp is None


async def test_an_expired_job_keeps_its_last_known_reason_and_reply() -> None:
    desk = Desk()
    delayed = desk.writer.delayed(STATE, NOW, tried(Reply(452, "4.2.2 Full")), SOFT, NOW + 300)
    state = replace(STATE, seq=1, last_event=encode(delayed))
    await desk.settlement.settle(TICKET, state, Expired(), NOW)
    [event] = desk.queue.events
    assert event.qualification is not None
    assert (event.cause, event.qualification.code, event.qualification.reason) == ("expired", 24, 5)
    assert event.smtp == delayed.smtp
    assert event.event_id == "j/2"


async def test_a_job_that_was_never_tried_expires_as_unreachable() -> None:
    desk = Desk()
    await desk.settlement.settle(TICKET, STATE, Expired(), NOW)
    [event] = desk.queue.events
    assert event.qualification is not None
    assert (event.qualification.reason, event.qualification.type) == (3, "ignored")


async def test_an_outcome_somebody_else_decides_is_not_published() -> None:
    desk = Desk()
    desk.log.lost = {"j"}
    await desk.settlement.settle(TICKET, STATE, Done(tried(Reply(250, "Ok"))), NOW)
    assert desk.queue.events == []
    assert desk.queue.finished == [TICKET]


@pytest.mark.parametrize("away", ["record", "publish", "park", "parked", "done"])
async def test_a_step_that_is_away_is_repeated_before_the_next_begins(away: str) -> None:
    desk = Desk(**{away: 1})
    await desk.settlement.settle(TICKET, STATE, RetryAt(NOW + 300, tried(Reply(452, "Full")), SOFT), NOW)
    worked = [call for call in desk.journal.calls if not call.endswith("away")]
    assert worked == ["record", "publish", "park", "parked", "done"]
    assert f"{away} away" in desk.journal.calls


async def test_a_settled_jobs_ticket_repeats_the_stored_event() -> None:
    desk = Desk()
    event = desk.writer.sent(STATE, NOW, tried(Reply(250, "Ok")))
    settled = Settled(replace(STATE, seq=1, last_event=encode(event)))
    await desk.settlement.repeat(TICKET, settled, NOW)
    assert desk.queue.events == [event]
    assert desk.journal.calls == ["publish", "done"]


async def test_an_older_ticket_is_dropped_once_the_newer_is_known_to_be_queued() -> None:
    desk = Desk()
    waiting = Waiting(replace(STATE, seq=1, last_event=b"{}"), NOW + 60, parked=True)
    await desk.settlement.repeat(TICKET, waiting, NOW)
    assert desk.journal.calls == ["done"]


async def test_an_older_ticket_repeats_event_and_parking_that_may_not_have_happened() -> None:
    desk = Desk()
    delayed = desk.writer.delayed(STATE, NOW, tried(Reply(452, "Full")), SOFT, NOW + 60)
    waiting = Waiting(replace(STATE, seq=1, last_event=encode(delayed)), NOW + 60, parked=False)
    await desk.settlement.repeat(TICKET, waiting, NOW)
    assert desk.journal.calls == ["publish", "park", "parked", "done"]
    assert desk.queue.parked == [(TICKET, 60.0, 1)]


async def test_a_ticket_that_comes_up_early_waits_on() -> None:
    desk = Desk()
    waiting = Waiting(replace(STATE, seq=1), NOW + 60, parked=True)
    ticket = replace(TICKET, generation=1)
    await desk.settlement.repeat(ticket, waiting, NOW)
    assert desk.journal.calls == ["park", "done"]
    assert desk.queue.parked == [(ticket, 60.0, 1)]


async def test_accepted_is_reported_until_it_is_known_to_be_out() -> None:
    desk = Desk()
    for claim in (Fresh(STATE), InDoubt(replace(STATE, doubtful=True)), Taken(STATE)):
        await desk.settlement.accept(claim)
    await desk.settlement.accept(InDoubt(replace(STATE, seq=1)))
    first, second = desk.queue.events
    assert first == second
    assert (first.event_id, first.event, first.attempt, first.in_doubt) == ("j/0", "accepted", 0, False)


async def test_a_job_we_cannot_get_on_with_is_let_go_before_its_ticket_is_put_aside() -> None:
    desk = Desk(forsake=1)
    await desk.settlement.forsake(TICKET, "j", 60.0)
    assert desk.journal.calls[-3:] == ["forsake", "park", "done"]
    assert not desk.log.outcomes
