"""A traced job's spans: in its own trace, whoever's hands it went through, with the times at which things happened."""

import subprocess
import sys

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from feedback.log.story import Hold, with_hold
from feedback.writer import Writer
from mta.attempt import Attempt, Delivered, Path, Phase, Refused
from mta.reply import Reply
from tests.samples import NOW, STATE
from tests.unit.worker.test_settlement import SOFT
from worker.tracing import Spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACED = replace(STATE, face=replace(STATE.face, traceparent=f"00-{TRACE}-b7ad6b7169203331-01"))
WRITER = Writer("w", str.lower)


def attempt(ending: Delivered | Refused) -> Attempt:
    path = Path(site="big", mx_host="mx.big.example")
    return Attempt(phase=Phase.RCPT, ending=ending, path=path, began_at=NOW - 2, duration=0.5, waited=1.0, rule="r")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Spans:
    return Spans("w", lambda: SimpleSpanProcessor(exporter))


def times(span: ReadableSpan) -> tuple[str, float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    return span.name, span.start_time / 1e9 - NOW, span.end_time / 1e9 - NOW


def test_each_step_of_a_traced_job_is_a_span_of_its_trace(spans: Spans, exporter: InMemorySpanExporter) -> None:
    sent = attempt(Delivered(Reply(250, "2.0.0 Ok")))
    spans.accepted(TRACED)
    spans.concluded(TRACED, WRITER.sent(TRACED, NOW, sent), sent, NOW)
    found = exporter.get_finished_spans()
    assert [times(span) for span in found] == [
        ("accepted", -10, -10),
        ("waiting", -10, -2),
        ("attempt", -2, -1.5),
        ("settled", -1.5, 0),
    ]
    assert {f"{span.context.trace_id:032x}" for span in found if span.context} == {TRACE}
    assert {f"{span.parent.span_id:016x}" for span in found if span.parent} == {"b7ad6b7169203331"}
    assert {(span.attributes or {})["campaign_mta.job"] for span in found} == {"j"}
    assert [span.status.status_code.name for span in found] == ["UNSET", "UNSET", "OK", "UNSET"]


def test_a_refusal_is_an_error_with_the_reply(spans: Spans, exporter: InMemorySpanExporter) -> None:
    full = attempt(Refused(Reply(452, "4.2.2 Full")))
    spans.concluded(TRACED, WRITER.delayed(TRACED, NOW, full, SOFT, NOW + 60), full, NOW)
    _, tried, settled = exporter.get_finished_spans()
    assert (tried.status.status_code.name, tried.status.description) == ("ERROR", "4.2.2 Full")
    assert (tried.attributes or {})["campaign_mta.code"] == 452
    assert (settled.attributes or {})["campaign_mta.event"] == "delayed"


def test_a_retry_waits_from_when_it_first_came_up_again(spans: Spans, exporter: InMemorySpanExporter) -> None:
    holds = with_hold(None, Hold(since=NOW - 7, until=NOW - 3, why="its turn", attempts=1))
    state = replace(TRACED, attempt=2, holds=holds)
    sent = attempt(Delivered(Reply(250, "Ok")))
    spans.concluded(state, WRITER.sent(state, NOW, sent), sent, NOW)
    assert times(exporter.get_finished_spans()[0]) == ("waiting", -7, -2)


def test_a_job_that_expires_is_settled_without_an_attempt(spans: Spans, exporter: InMemorySpanExporter) -> None:
    spans.concluded(TRACED, WRITER.expired(TRACED, NOW), None, NOW)
    assert [times(span) for span in exporter.get_finished_spans()] == [("settled", 0, 0)]


def test_a_job_without_a_trace_or_one_not_sampled_makes_no_span(spans: Spans, exporter: InMemorySpanExporter) -> None:
    unsampled = replace(STATE.face, traceparent=f"00-{TRACE}-b7ad6b7169203331-00")
    for state in (STATE, replace(STATE, face=unsampled)):
        spans.accepted(state)
        spans.concluded(state, WRITER.expired(state, NOW), None, NOW)
    assert exporter.get_finished_spans() == ()


def test_nothing_of_opentelemetry_is_loaded_where_nobody_asked_for_it() -> None:
    code = (
        "import sys, worker.process as p; from worker.settings import Settings; "
        "assert p.tracing(Settings(), 'w') is None; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
