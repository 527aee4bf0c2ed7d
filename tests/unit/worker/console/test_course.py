"""Courses: what a delivery's beats add up to, and what is foretold from them."""

from worker.console.records import Beat
from worker.console.views.course import BINS, STALLED, Bin, Course, course, finish, rate, state

NOW = 10_000.0


def test_nothing_heard_is_no_course() -> None:
    assert course([], NOW) == Course()


def test_the_bins_hold_what_ended_in_them_and_where_messages_stood_at_their_end() -> None:
    beats = [
        Beat(100, "taken", 10),
        Beat(110, "sent", 4),
        Beat(110, "delayed", 1),
        Beat(130, "failed", 2),
        Beat(130, "sent", 1),
    ]
    went = course(beats, NOW)
    assert (went.began, went.progress, went.step) == (100, 130, 10)
    assert went.bins == (
        Bin(100, 0, 0, 0, 0, 0, 0, 10),
        Bin(110, 4, 0, 0, 4, 0, 0, 6),
        Bin(120, 0, 0, 0, 4, 0, 0, 6),
        Bin(130, 1, 2, 0, 5, 2, 0, 3),
    )


def test_a_long_course_has_longer_steps_and_loses_no_message() -> None:
    beats = [Beat(0, "taken", 500), *(Beat(600.0 * n, "sent", 1) for n in range(500))]
    went = course(beats, NOW)
    assert len(went.bins) <= BINS + 1
    assert went.bins[-1].all_sent == 500
    assert went.bins[-1].in_flight == 0


def test_a_message_settled_before_its_acceptance_was_heard_of_is_not_less_than_none_in_flight() -> None:
    assert course([Beat(100, "sent", 1)], NOW).bins[0].in_flight == 0


def test_the_rate_is_that_of_the_last_five_minutes_or_since_the_beginning() -> None:
    assert rate([Beat(NOW - 1000, "sent", 999), Beat(NOW - 100, "sent", 600)], 0.0, NOW) == 2.0
    assert rate([Beat(NOW - 100, "sent", 600)], NOW - 100, NOW) == 6.0
    assert rate([], NOW, NOW) == 0.0


def test_the_end_is_foretold_from_the_rate_where_there_is_one() -> None:
    assert finish(100, 4.0, NOW) == NOW + 25
    assert finish(100, 0.0, NOW) is None
    assert finish(0, 0.0, NOW) == NOW


def test_a_delivery_is_delayed_after_half_an_hour_without_progress() -> None:
    assert state(0, Course(), NOW) == "done"
    assert state(5, Course(began=NOW - 10), NOW) == "waiting"
    assert state(5, Course(began=0, progress=NOW - STALLED + 1), NOW) == "under way"
    assert state(5, Course(began=0, progress=NOW - STALLED), NOW) == "delayed"
    assert state(5, Course(began=NOW - STALLED), NOW) == "delayed"
