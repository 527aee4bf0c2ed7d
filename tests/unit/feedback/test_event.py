"""Encoded events: a trace context is read off the end, and no text of anybody's can pretend to be one."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from feedback.event import encode, trace_of
from tests.unit.feedback.happenings import Job

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FAKE = f'x","traceparent":"{TRACE}"}}'


def test_an_event_with_a_trace_gives_it_back() -> None:
    assert trace_of(encode(msgspec.structs.replace(Job("j").sent(), traceparent=TRACE))) == TRACE
    assert trace_of(encode(msgspec.structs.replace(Job("j").sent(), test=True, traceparent=TRACE))) == TRACE


@given(st.sampled_from(["worker", "detail", "delivery_id", "rcpt_to"]), st.sampled_from([FAKE, FAKE[:-2], TRACE, '"}']))
def test_an_event_without_one_has_none_whatever_its_texts_say(field: str, text: str) -> None:
    for event in (Job("j").accepted(), Job("j").failed(), Job("j", test=True).sent()):
        assert trace_of(encode(msgspec.structs.replace(event, **{field: text}))) is None
        assert trace_of(encode(msgspec.structs.replace(event, context={"traceparent": text}))) is None
