import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedback.tracker.batch import batch, news
from feedback.tracker.message import bounce, fold, message, posix, rejected
from tests.unit.feedback.happenings import HARD, IGNORED, NOW, SOFT, Job


@given(st.data())
def test_events_add_up_to_the_same_message_in_any_order_and_however_often(data: st.DataObject) -> None:
    job = Job("j")
    events = [job.accepted(), job.delayed(SOFT), job.delayed(IGNORED), job.failed(HARD)]
    heard = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=6))))
    assert fold(message(event) for event in heard) == fold(message(event) for event in events)


def test_a_message_stands_where_its_newest_event_put_it() -> None:
    job = Job("j", rcpt_to="Anna@Example.NET")
    folded = fold(message(event) for event in [job.accepted(), job.delayed(SOFT), job.failed(HARD)])["j"]
    assert (folded.seq, folded.standing, folded.reason, folded.type, folded.final) == (2, "failed", 1, "hard", "failed")
    assert (folded.address, folded.domain) == ("anna@example.net", "example.net")
    assert (folded.accepted_at, folded.at, folded.first_final, folded.last_final) == (NOW, NOW + 120, 2, 2)


def test_success_clears_the_reason() -> None:
    job = Job("j")
    folded = fold(message(event) for event in [job.accepted(), job.delayed(SOFT), job.sent()])["j"]
    assert (folded.standing, folded.reason, folded.type) == ("sent", None, None)


def test_two_final_events_leave_a_trace_whichever_comes_first() -> None:
    job = Job("j")
    events = [job.sent(), job.failed()]
    for order in itertools.permutations(events):
        folded = fold(message(event) for event in order)["j"]
        assert (folded.first_final, folded.last_final) == (1, 2)


def test_a_rejection_is_told_by_its_event_id() -> None:
    job = Job("j")
    assert rejected(job.rejected())
    assert not rejected(job.failed())
    sorted_out = batch([job.rejected(), job.accepted()])
    assert list(sorted_out.views) == ["j"]
    assert [event_id for event_id, _, _ in sorted_out.rejections] == ["j/rejected"]


@pytest.mark.parametrize(("why", "counts"), [(HARD, True), (SOFT, True), (IGNORED, False)])
def test_only_hard_and_soft_errors_count_against_an_address(why: tuple[int, str, int, str], counts: bool) -> None:
    assert (bounce(Job("j").delayed(why)) is not None) is counts
    assert bounce(Job("j", test=True).delayed(why)) is None


def test_news_are_only_what_changed() -> None:
    job = Job("j")
    first, second = message(job.accepted()), message(job.sent())
    assert news({}, {"j": first}) == [first]
    assert news({"j": first}, {"j": first}) == []
    [changed] = news({"j": first}, {"j": second})
    assert news({"j": changed}, {"j": first}) == []


@pytest.mark.parametrize("text", ["2027-01-15T08:00:00.000Z", "2027-01-15T09:00:00+01:00", "2027-01-15T08:00:00Z"])
def test_times_are_read_in_any_form_of_rfc_3339(text: str) -> None:
    assert posix(text) == 1_800_000_000.0


def test_numbers_no_worker_writes_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        message(msgspec.structs.replace(Job("j").accepted(), seq=2**31))
