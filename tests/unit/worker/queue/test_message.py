import pytest
from aiormq import spec

from worker.queue.rabbit.message import (
    is_transactional,
    parked_properties,
    published_headers,
    rejected_properties,
    routing_key,
)


def test_a_published_job_keeps_headers_that_look_like_ours() -> None:
    headers = {"x-generation": 5, "x-death": "mine", "job_id": "a", "x-delivery-count": 3}
    assert published_headers(headers, parked=False) == {"x-generation": 5, "x-death": "mine", "job_id": "a"}


def test_a_parked_copy_is_shown_without_the_marks_of_its_journey() -> None:
    headers = {"x-generation": 5, "x-rest": 1, "wait-3": True, "x-death": [], "x-first-death-queue": "q", "job_id": "a"}
    assert published_headers(headers, parked=True) == {"job_id": "a"}


def test_a_parked_copy_names_its_rungs_and_loses_what_would_lead_it_astray() -> None:
    given = spec.Basic.Properties(
        content_type="message/rfc822", expiration="1000", user_id="campaign", message_id="m", delivery_mode=1
    )
    copy = parked_properties(given, {"CC": ["x.rejected"], "job_id": "a"}, generation=2, stays=(3, 0), rest=10.5)
    assert copy.headers == {"job_id": "a", "wait-3": True, "wait-0": True, "x-generation": 2, "x-rest": 11}
    assert (copy.content_type, copy.delivery_mode) == ("message/rfc822", 2)
    assert (copy.expiration, copy.user_id, copy.message_id) == (None, None, None)
    assert given.expiration == "1000"


def test_a_rejected_copy_has_its_properties_and_a_reason_that_can_be_written() -> None:
    given = spec.Basic.Properties(content_type="text/odd", message_id="m", priority=3, user_id="campaign")
    copy = rejected_properties(given, {"job_id": "a"}, "odd \ud800" + "x" * 5000)
    assert (copy.content_type, copy.message_id, copy.priority, copy.user_id) == ("text/odd", "m", 3, None)
    assert copy.headers is not None
    assert copy.headers["job_id"] == "a"
    assert str(copy.headers["x-reason"]).startswith("odd \\ud800xxx")
    assert len(str(copy.headers["x-reason"])) == 1000


@pytest.mark.parametrize(
    ("given", "transactional", "key"),
    [
        ("bulk.a.example", False, "due.a.example"),
        ("bulk.a.example", True, "transactional.a.example"),
        ("transactional.a.example", False, "due.a.example"),
        ("held.a-site", False, "due.a-site"),
        ("transactional.a.example", True, "transactional.a.example"),
        ("", True, "transactional."),
        ("x." + "k" * 253, True, "transactional"),
    ],
)
def test_a_key_changes_its_class_and_keeps_the_rest(given: str, transactional: bool, key: str) -> None:
    assert routing_key(given, transactional=transactional) == key
    assert is_transactional(key) == transactional


def test_headers_too_long_for_a_copy_are_left_out_the_longest_first() -> None:
    given = {"long": "x" * 100_000, "longer": "y" * 110_000, "job_id": "a"}
    copy = rejected_properties(spec.Basic.Properties(), given, "because")
    assert copy.headers == {"long": "x" * 100_000, "job_id": "a", "x-reason": "because"}
