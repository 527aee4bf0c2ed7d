"""Spans of traced jobs for OpenTelemetry: loaded only where `[tracing]` is configured, for it needs the extra `otel`.

A job is traced when it came with a trace context in its headers; that context is the parent of all its spans, whichever
workers see the job. Spans are made when their times are known, with these times: nothing is open while a job waits.
"""

from collections.abc import Callable, Mapping
from functools import cached_property

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from feedback.event import Event
from feedback.log import State
from feedback.log.story import read_holds
from mta.attempt import Attempt, Delivered

_NAME = "campaign-mta"
_PATIENCE = 2
"""Seconds for one batch: a worker that stops must not wait long for a collector that is away."""

Told = Mapping[str, str | int | bool | None]
_propagator = TraceContextTextMapPropagator()


class Spans:
    """`Traces` by OpenTelemetry; `worker` is the process's name. `processor` is made with the first span, for it starts a
    thread."""

    def __init__(self, worker: str, processor: Callable[[], SpanProcessor]) -> None:
        self._processor = processor
        self._provider = TracerProvider(
            resource=Resource.create({SERVICE_NAME: _NAME, SERVICE_INSTANCE_ID: worker}), shutdown_on_exit=False
        )

    @cached_property
    def _tracer(self) -> Tracer:
        self._provider.add_span_processor(self._processor())
        return self._provider.get_tracer(_NAME)

    def accepted(self, state: State) -> None:
        if state.face.traceparent is not None:
            self._span(state, "accepted", state.accepted_at, state.accepted_at)

    def concluded(self, state: State, event: Event, attempt: Attempt | None, now: float) -> None:
        if state.face.traceparent is None:
            return
        since = now
        if attempt is not None:
            self._span(state, "waiting", _waiting_since(state, attempt), attempt.began_at)
            since = attempt.began_at + attempt.duration
            self._span(state, "attempt", attempt.began_at, since, _of_attempt(attempt), _status(attempt))
        told = {"event": event.event, "cause": event.cause, "final": event.final}
        self._span(state, "settled", min(since, now), now, told)

    def close(self) -> None:
        """Send what is left; waits some seconds for the collector."""
        self._provider.shutdown()

    def _span(
        self,
        state: State,
        name: str,
        began: float,
        ended: float,
        told: Told | None = None,
        status: Status | None = None,
    ) -> None:
        face = state.face
        known = {"job": face.job_id, "delivery": face.delivery_id, "attempt": state.attempt, **(told or {})}
        span = self._tracer.start_span(
            name,
            _propagator.extract({"traceparent": face.traceparent}),
            SpanKind.CONSUMER if name == "accepted" else SpanKind.CLIENT if name == "attempt" else SpanKind.INTERNAL,
            {f"campaign_mta.{key}": value for key, value in known.items() if value is not None},
            start_time=_nanoseconds(began),
        )
        if status is not None:
            span.set_status(status)
        span.end(_nanoseconds(max(began, ended)))


def spans(worker: str, endpoint: str) -> Spans:
    """Spans that go to a collector in batches, over HTTP, from a thread of their own."""
    return Spans(worker, lambda: BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_PATIENCE)))


def _waiting_since(state: State, attempt: Attempt) -> float:
    """The beginning of the wait for an attempt: acceptance, or the first time it came up since the attempt before."""
    asked = attempt.began_at - attempt.waited
    if state.attempt <= 1:
        return state.accepted_at
    return min([asked, *(hold.since for hold in read_holds(state.holds) if hold.attempts == state.attempt - 1)])


def _of_attempt(attempt: Attempt) -> Told:
    return {
        "site": attempt.path.site,
        "host": attempt.path.mx_host,
        "rule": attempt.rule,
        "phase": attempt.phase.value,
        "code": attempt.reply.code if attempt.reply else None,
        "text": attempt.text,
        "nth": attempt.nth,
    }


def _status(attempt: Attempt) -> Status:
    return Status(StatusCode.OK) if isinstance(attempt.ending, Delivered) else Status(StatusCode.ERROR, attempt.text)


def _nanoseconds(at: float) -> int:
    return int(at * 1e9)
