"""Ticks: each message is counted where it stands, once, however its events come."""

import random
from collections import Counter

from feedback.tracker.message import Message, fold, merge, message
from feedback.tracker.tick import Tick, moved, ticks
from tests.unit.feedback.happenings import NOW, SOFT, Job


def test_a_message_is_counted_at_its_acceptance_and_at_its_newest_event() -> None:
    job = Job("j")
    [view] = fold(
        [message(job.accepted()), message(job.delayed(SOFT, NOW + 17)), message(job.sent(NOW + 39.9))]
    ).values()
    assert list(ticks(view)) == [Tick("spring", NOW + 30, "sent"), Tick("spring", NOW, "taken")]


def test_an_smtp_test_is_counted_nowhere() -> None:
    assert list(ticks(message(Job("j", test=True).accepted()))) == []


def test_counting_by_moves_ends_where_counting_at_the_end_does() -> None:
    rng = random.Random(1)
    jobs = [Job(f"j{number}", at=NOW + rng.randrange(300)) for number in range(50)]
    events = [event for job in jobs for event in (job.accepted(), job.delayed(), job.sent())]
    events += rng.sample(events, 60)
    rng.shuffle(events)
    known: dict[str, Message] = {}
    counted: Counter[Tick] = Counter()
    for start in range(0, len(events), 7):
        views = fold(map(message, events[start : start + 7]))
        new = [merge(known[job_id], view) if job_id in known else view for job_id, view in views.items()]
        counted.update(moved(known, new))
        known |= {one.job_id: one for one in new}
    assert +counted == Counter(tick for one in known.values() for tick in ticks(one))
    assert counted.total() == 100
