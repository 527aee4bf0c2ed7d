import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.tracker.message import Bounce
from feedback.tracker.quarantine import DAY, FULL_MAILBOX, SOFT_ERRORS, judge, verdicts


def soft(at: float, reason: int = 3, address: str = "a@x") -> Bounce:
    return Bounce(address, f"e{at}", at, "soft", reason, f"d{at}")


def hard(at: float, reason: int = 1) -> Bounce:
    return Bounce("a@x", f"e{at}", at, "hard", reason, f"d{at}")


def test_a_hard_error_is_enough() -> None:
    verdict = judge([hard(7.0)], [])
    assert verdict is not None
    assert (verdict.since, verdict.until, verdict.delivery_id) == (7.0, None, "d7.0")


@pytest.mark.parametrize(("errors", "quarantined"), [(SOFT_ERRORS - 1, False), (SOFT_ERRORS, True)])
def test_soft_errors_on_enough_days_are_enough(errors: int, quarantined: bool) -> None:
    assert (judge([soft(n * DAY) for n in range(errors)], []) is not None) is quarantined


def test_errors_less_than_a_day_apart_count_once() -> None:
    hourly = [soft(n * 3600.0) for n in range(24 * (SOFT_ERRORS - 1))]
    assert judge(hourly, []) is None
    verdict = judge([*hourly, soft(DAY * (SOFT_ERRORS - 1))], [])
    assert verdict is not None
    assert verdict.since == DAY * (SOFT_ERRORS - 1)


def test_a_success_resets_the_counter() -> None:
    errors = [soft(n * DAY) for n in range(SOFT_ERRORS)]
    assert judge(errors, [3.5 * DAY]) is None
    assert judge(errors, [-1.0]) is not None
    assert judge(errors, [99 * DAY]) is not None  # too late


def test_ten_days_without_error_reset_the_counter() -> None:
    first = [soft(n * DAY) for n in range(SOFT_ERRORS - 1)]
    last = first[-1].at
    assert judge([*first, soft(last + 10 * DAY)], []) is not None
    assert judge([*first, soft(last + 10 * DAY + 1)], []) is None


def test_quarantine_for_a_full_mailbox_ends_after_thirty_days() -> None:
    full = [soft(n * DAY, reason=5) for n in range(SOFT_ERRORS)]
    verdict = judge(full, [])
    assert verdict is not None
    assert verdict.until == verdict.since + FULL_MAILBOX
    assert not verdict.in_force(verdict.since - 1)
    assert verdict.in_force(verdict.since)
    assert verdict.in_force(verdict.until - 1)
    assert not verdict.in_force(verdict.until)


def test_after_that_the_counter_starts_again() -> None:
    full = [soft(n * DAY, reason=5) for n in range(SOFT_ERRORS)]
    first = judge(full, [])
    assert first is not None
    assert first.until is not None
    once_more = [soft(first.until + n * DAY) for n in range(SOFT_ERRORS)]
    assert judge(full + once_more[:-1], []) == first
    second = judge(full + once_more, [])
    assert second is not None
    assert (second.since, second.until) == (once_more[-1].at, None)


@given(
    errors=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["soft", "hard"]), st.sampled_from([1, 3, 5])), max_size=25
    ),
    successes=st.lists(st.integers(0, 60), max_size=4),
    rng=st.randoms(use_true_random=False),
)
def test_the_order_of_hearing_makes_no_difference(errors: list, successes: list, rng: object) -> None:  # type: ignore[type-arg]
    bounces = [Bounce("a@x", f"e{n}", day * DAY, kind, why, "d") for n, (day, kind, why) in enumerate(errors)]
    reached = [day * DAY for day in successes]
    verdict = judge(bounces, reached)
    rng.shuffle(bounces)  # type: ignore[attr-defined]
    rng.shuffle(reached)  # type: ignore[attr-defined]
    assert judge(bounces, reached) == verdict


def test_each_address_is_judged_by_its_own_facts() -> None:
    errors = [soft(n * DAY, address=name) for n in range(SOFT_ERRORS) for name in ("b@x", "a@x", "c@x")]
    assert [v.address for v in verdicts(errors, [("b@x", 2.5 * DAY)])] == ["a@x", "c@x"]
