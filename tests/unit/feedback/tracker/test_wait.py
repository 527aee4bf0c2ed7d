"""Percentiles from rounded counts: near the true ones, mergeable, and the same however they were counted."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from feedback.tracker.message import message
from feedback.tracker.wait import Waits, percentiles, step, together, wait, waited
from tests.unit.feedback.happenings import Job


def exact(values: list[int], share: int) -> int:
    return sorted(values)[-(-len(values) * share // 100) - 1]


@given(st.lists(st.integers(min_value=0, max_value=2**31 - 1), min_size=1, max_size=300))
def test_percentiles_are_within_five_percent_of_the_true_ones(values: list[int]) -> None:
    found = percentiles(Counter(ms - ms % step(ms) for ms in values))
    assert found is not None
    for share, told in ((50, found.p50), (90, found.p90), (99, found.p99)):
        assert abs(told - exact(values, share)) <= 0.05 * exact(values, share)


def test_under_a_hundred_milliseconds_percentiles_are_exact() -> None:
    assert percentiles(Counter(range(100))) == Waits(49, 89, 98)


def test_a_delivery_has_the_percentiles_of_its_domains_together() -> None:
    rng = random.Random(7)
    parts = [Counter(rng.randrange(100) for _ in range(50)) for _ in range(4)]
    assert percentiles(together(parts)) == percentiles(Counter(ms for part in parts for ms in part.elements()))


def test_of_nothing_there_are_no_percentiles() -> None:
    assert percentiles({}) is None


def test_only_what_was_sent_is_counted_and_no_test() -> None:
    job = Job("j")
    assert wait(message(job.accepted())) is None
    assert wait(message(job.delayed())) is None
    assert wait(message(job.sent())) == ("spring", "example.net", 1000)
    assert wait(message(Job("t", test=True).sent())) is None


def test_a_message_no_longer_sent_is_taken_from_its_count() -> None:
    job = Job("j")
    sent, failed = message(job.sent()), message(job.failed())
    assert waited({}, [sent]) == {("spring", "example.net", 1000): 1}
    assert waited({"j": sent}, [failed]) == {("spring", "example.net", 1000): -1}
    assert waited({"j": sent}, [sent]) == {}
