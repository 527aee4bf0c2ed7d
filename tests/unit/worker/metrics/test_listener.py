"""Three pages: the numbers, whether the worker lives, whether it takes jobs."""

import pytest
from prometheus_client import CollectorRegistry, Gauge

from worker.metrics.health import Health, Stage
from worker.metrics.listener import Listener
from worker.outage import Outage
from worker.queue import QueueAway


def listener(health: Health | None = None) -> Listener:
    registry = CollectorRegistry()
    Gauge("depth", "Of water.", registry=registry).set(3)
    return Listener("127.0.0.1", 0, registry, health or Health(Outage(), Stage.WORKING))


def ask(line: str, *headers: str, at: Listener | None = None) -> tuple[int, dict[str, str], str]:
    request = "\r\n".join([f"{line} HTTP/1.1", "Host: x", *headers, "", ""])
    head, _, body = (at or listener()).answer(request.encode()).decode().partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    return int(first.split(" ")[1]), dict(field.split(": ", 1) for field in fields), body


def test_numbers_are_openmetrics_for_those_who_take_it_and_plain_text_for_others() -> None:
    status, fields, body = ask("GET /metrics", "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert (status, body) == (200, "# HELP depth Of water.\n# TYPE depth gauge\ndepth 3.0\n# EOF\n")
    assert fields["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    status, fields, body = ask("GET /metrics?name=x")
    assert (status, body) == (200, "# HELP depth Of water.\n# TYPE depth gauge\ndepth 3.0\n")
    assert fields["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("stage", "status", "said"),
    [(Stage.STARTING, 503, "starting\n"), (Stage.WORKING, 200, "ready\n"), (Stage.DRAINING, 503, "draining\n")],
)
def test_a_worker_is_ready_while_it_takes_jobs_and_alive_always(stage: Stage, status: int, said: str) -> None:
    at = listener(Health(Outage(), stage))
    assert ask("GET /readyz", at=at)[::2] == (status, said)
    assert ask("GET /healthz", at=at)[::2] == (200, "alive\n")


async def test_a_worker_is_not_ready_during_an_outage_and_says_what_is_away() -> None:
    outage = Outage(clock=lambda: 0.0)
    at, seen = listener(Health(outage, Stage.WORKING)), []

    async def call() -> None:
        if not seen:
            seen.append(ask("GET /readyz", at=at))
            raise QueueAway("RabbitMQ is away")
        seen.append(ask("GET /readyz", at=at))

    await outage.outlast(call)
    said = "outage: the broker has been away since 1970-01-01T00:00:00.000Z: RabbitMQ is away\n"
    assert [(status, body) for status, _, body in seen] == [(200, "ready\n"), (503, said)]
    assert ask("GET /readyz", at=at)[0] == 200
    assert outage.begun == 1


def test_head_has_no_body_but_its_length() -> None:
    status, fields, body = ask("HEAD /healthz")
    assert (status, fields["Content-Length"], body) == (200, "6", "")


@pytest.mark.parametrize(
    ("line", "status"), [("GET /", 404), ("POST /metrics", 405), ("GET", 404), ("", 405), ("\x00\x01", 405)]
)
def test_what_is_not_asked_well_is_refused(line: str, status: int) -> None:
    assert ask(line)[0] == status
