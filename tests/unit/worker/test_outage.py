"""Who misses what, since when, and when work goes on."""

import pytest
from structlog.testing import capture_logs

from feedback.event import timestamp
from feedback.log import LogAway
from tests.samples import NOW
from worker.outage import Outage
from worker.queue import QueueAway

BROKER = f"the broker has been away since {timestamp(NOW)}: "


@pytest.fixture
def outage() -> Outage:
    return Outage(clock=lambda: NOW)


def test_a_connection_that_nobody_uses_is_missed_until_it_is_back(outage: Outage) -> None:
    outage.lost("in", QueueAway("gone"))
    assert (outage.away, outage.over.is_set()) == (f"{BROKER}gone", False)
    outage.found("in")
    assert (outage.away, outage.over.is_set()) == (None, True)


def test_a_broker_is_back_when_nobody_misses_it_any_more(outage: Outage) -> None:
    outage.lost("in", QueueAway("gone"))
    outage.lost("out", QueueAway("gone, too"))
    outage.found("in")
    assert outage.away == f"{BROKER}gone"
    outage.found("out")
    assert outage.away is None


def test_broker_and_store_are_told_apart(outage: Outage) -> None:
    outage.lost("in", QueueAway("gone"))
    outage.lost("sweep", LogAway("shut down"))
    assert outage.away == f"{BROKER}gone; the store has been away since {timestamp(NOW)}: shut down"
    outage.found("in")
    assert outage.away == f"the store has been away since {timestamp(NOW)}: shut down"
    assert not outage.over.is_set()
    assert outage.begun == 1


def test_who_first_missed_one_and_now_misses_the_other_does_not_miss_both(outage: Outage) -> None:
    outage.lost("sweep", LogAway("shut down"))
    outage.lost("sweep", QueueAway("gone"))
    assert outage.away == f"{BROKER}gone"


def test_the_log_tells_of_each_absence_once_and_how_long_it_was() -> None:
    times = iter([NOW, NOW + 5.0])
    outage = Outage({"broker": "mq:5672"}, lambda: next(times))
    with capture_logs() as told:
        outage.lost("in", QueueAway("gone"))
        outage.lost("out", QueueAway("gone"))
        outage.found("out")
        outage.found("in")
        outage.found("in")
    assert told == [
        {"event": "outage", "log_level": "warning", "what": "broker", "away": "gone", "broker": "mq:5672"},
        {"event": "outage_over", "log_level": "info", "what": "broker", "seconds": 5.0},
    ]


async def test_a_call_that_is_given_up_misses_nothing(outage: Outage) -> None:
    async def call() -> None:
        if outage.away:
            raise ZeroDivisionError
        raise QueueAway

    with pytest.raises(ZeroDivisionError):
        await outage.outlast(call)
    assert outage.away is None
