"""A job's trace context goes through broker, worker and store, and comes back with its feedback; its spans reach a collector."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aio_pika
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.installation import Installation
from tests.acceptance.test_bad_input import GOOD, declared

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@dataclass
class Collector:
    """Takes spans as OTLP over HTTP."""

    url: str = ""
    spans: list[tuple[str, str, str]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.spans += [(s.name, s.trace_id.hex(), s.parent_span_id.hex()) for s in scope.spans]


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}/v1/traces"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_a_trace_context_comes_back_with_the_feedback_and_its_spans_reach_the_collector(
    installation: Installation, amqp_url: str, sink_port: int, collector: Collector
) -> None:
    installation.settings += f'[tracing]\nendpoint = "{collector.url}"\n'
    installation.settings = installation.settings.replace("[retry]", "[feedback]\nbatch = 1\n[retry]")
    installation.route("*.example.net", sink_port)
    with installation.running("worker"):
        told = asyncio.run(exchange(amqp_url, installation.prefix))
    traced = [(headers, event["event"], event.get("traceparent")) for headers, event in told if event["job_id"] == "t"]
    assert traced == [(TRACEPARENT, kind, TRACEPARENT) for kind in ("accepted", "delayed", "sent")]
    assert {(headers, event.get("traceparent")) for headers, event in told if event["job_id"] != "t"} == {(None, None)}
    kinds = ("accepted", "waiting", "attempt", "settled", "waiting", "attempt", "settled")
    assert sorted(collector.spans) == sorted((kind, TRACE, "b7ad6b7169203331") for kind in kinds)


async def exchange(amqp_url: str, prefix: str) -> list[tuple[Any, dict[str, Any]]]:
    """Publish a job with a trace context, one without and one with nonsense; their events, each with its message's context."""
    told: list[tuple[Any, dict[str, Any]]] = []
    async with await aio_pika.connect(amqp_url) as connection:
        jobs = await declared(connection, lambda channel: channel.get_exchange(f"{prefix}.jobs"))
        feedback = await declared(connection, lambda channel: channel.get_queue(f"{prefix}.feedback"))
        for job_id, headers in (("t", {"traceparent": TRACEPARENT}), ("u", {}), ("n", {"traceparent": "00-nonsense"})):
            body = json.dumps(GOOD | {"job_id": job_id, "rcpt_to": f"{job_id}+450-4.3.2-once@x.example.net"}).encode()
            await jobs.publish(aio_pika.Message(body, headers=headers), "bulk.x.example.net")  # type: ignore[arg-type]
        async with asyncio.timeout(60), feedback.iterator() as messages:
            async for message in messages:
                await message.ack()
                told += [(message.headers.get("traceparent"), event) for event in json.loads(message.body)["events"]]
                if sum(event["final"] for _, event in told) == 3:
                    break
    return told
