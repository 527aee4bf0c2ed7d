"""At the end of a day, a job for every domain that wants a report by mail; what is published again is the same job."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from mta.attempt import Attempt, Delivered, Path, Phase, Tls, Trouble
from mta.envelope import Mailbox
from mta.reply import Reply
from mta.routing.answer import Answer, Failure
from mta.tlsrpt.applied import NOTHING
from mta.tlsrpt.ledger import Ledger
from mta.tlsrpt.report import Reporter
from tests.fakes import Journal
from worker.job import SendJob, read
from worker.metrics.attempts import Attempts
from worker.process import build
from worker.queue import Job, QueueAway, Ticket
from worker.settings import load
from worker.tlsrpt import TlsReports, until_report

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
GOOD = Attempt(
    phase=Phase.BODY,
    ending=Delivered(Reply(250, "ok")),
    path=Path(site="s", mx_host="mx", tls=Tls("TLSv1.3", "x", "none")),
    began_at=0.0,
    duration=1.0,
    banner_time=0.1,
)


@dataclass
class World:
    """A DNS, a job publisher and a clock in one; the ledger has a session of yesterday with each domain of `records`."""

    records: dict[str, str]
    now: float = MIDNIGHT + 60
    journal: Journal = field(default_factory=Journal)
    jobs: list[Job] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    worker: str = "w"

    def __post_init__(self) -> None:
        for domain in self.records:
            self.ledger.note(domain, "mx", NOTHING)
            self.ledger.count(GOOD, domain, MIDNIGHT - 60)

    async def query(self, name: str, kind: str) -> Answer | Failure:
        text = self.records[name.removeprefix("_smtp._tls.")]
        if not text:
            return Failure(Trouble.NO_DOMAIN, "no")
        return Answer((SimpleNamespace(strings=(text[:20].encode(), text[20:].encode())),), 60.0)

    async def open(self) -> None:
        self.journal.note("open", QueueAway)

    async def close(self) -> None:
        self.journal.note("close", QueueAway)

    async def publish(self, jobs: Sequence[Job]) -> None:
        self.journal.note("publish", QueueAway)
        self.jobs += jobs

    def reports(self) -> TlsReports:
        reporter = Reporter(
            organisation="Größe", contact="c@x.example", mailbox=Mailbox("tls", "x.example"), name=self.worker
        )
        return TlsReports(self.ledger, self, self, reporter, lambda: self.now)

    def read(self) -> list[SendJob]:
        found = [read(Ticket(body=job.body, content_type=job.content_type), max_octets=2**20) for job in self.jobs]
        return [job for job in found if isinstance(job, SendJob)]


MAIL = "v=TLSRPTv1; rua=mailto:r@b.example"


async def test_a_day_that_is_over_becomes_one_job_for_each_address() -> None:
    world = World({"b.example": MAIL + ",mailto:s@c.example", "quiet.example": ""})
    await world.reports().once()
    first, second = world.read()
    assert (first.delivery_id, first.transactional, first.envelope.mail_from) == ("tls-report", False, "tls@x.example")
    assert [first.rcpt_to, second.rcpt_to] == ["r@b.example", "s@c.example"]
    assert first.job_id != second.job_id
    assert first.job_id.startswith("tls-report.20260301.")
    assert b"TLS-Report-Domain: b.example\r\n" in first.message
    assert [job.routing_key for job in world.jobs] == ["bulk.b.example", "bulk.c.example"]
    assert world.journal.calls == ["open", "publish", "close"]


async def test_a_day_that_is_not_over_is_not_reported() -> None:
    world = World({"b.example": MAIL}, now=MIDNIGHT - 1)
    await world.reports().once()
    assert world.journal.calls == []
    await world.reports().close()
    assert world.jobs == []


async def test_a_day_is_reported_once() -> None:
    world = World({"b.example": MAIL})
    reports = world.reports()
    await reports.once()
    await reports.once()
    assert len(world.jobs) == 1


async def test_reports_that_the_queue_did_not_take_go_out_later() -> None:
    world = World({"b.example": MAIL})
    world.journal.failing = {"publish": 1}
    reports = world.reports()
    with pytest.raises(QueueAway):
        await reports.once()
    await reports.once()
    assert len(world.jobs) == 1


async def test_the_same_report_is_the_same_job_and_another_workers_is_not() -> None:
    worlds = [World({"b.example": MAIL}), World({"b.example": MAIL}, now=MIDNIGHT + 7200)]
    worlds.append(World({"b.example": MAIL}, worker="other"))
    for world in worlds:
        await world.reports().once()
    first, again, other = (world.read()[0].job_id for world in worlds)
    assert first == again
    assert first != other


async def test_a_report_wanted_over_https_alone_is_left_out_and_said_to_be() -> None:
    world = World({"b.example": "v=TLSRPTv1; rua=https://b.example/tls"})
    with capture_logs() as told:
        await world.reports().once()
    assert world.jobs == []
    assert [each["event"] for each in told] == ["tls_report_https_left_out"]


async def test_a_worker_that_ends_reports_on_the_day_that_is_over() -> None:
    world = World({"b.example": MAIL})
    await world.reports().close()
    assert len(world.jobs) == 1


async def test_a_worker_that_ends_while_the_queue_is_away_says_what_is_lost() -> None:
    world = World({"b.example": MAIL})
    world.journal.failing = {"open": 1}
    with capture_logs() as told:
        await world.reports().close()
    assert [(each["event"], each["domains"]) for each in told] == [("tls_reports_lost", 1)]


def test_reports_begin_within_four_hours_after_midnight() -> None:
    waits = [until_report(MIDNIGHT - 100, Random(seed)) for seed in range(50)]
    assert 100 <= min(waits) < max(waits) <= 100 + 4 * 3600
    assert until_report(MIDNIGHT, Random(1)) > 86_400 - 1


@pytest.mark.parametrize("enabled", [True, False])
async def test_a_worker_counts_and_reports_when_its_settings_say_so(tmp_path: pathlib.Path, enabled: bool) -> None:
    file = tmp_path / "mta.toml"
    file.write_text(
        '[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "sqlite:///store.db"\n[dns]\nnameservers = ["127.0.0.1:9"]\n'
        f'[tls_report]\nenabled = {str(enabled).lower()}\norganisation = "X"\ncontact = "c"\nmail_from = "t@x.example"\n'
    )
    plant = build(load(file))
    attempts = getattr(plant.outside.watch, "__self__", None)
    assert isinstance(attempts, Attempts)
    watching = getattr(attempts.beside, "__self__", None)
    assert (plant.tls_reports is not None) is enabled
    assert isinstance(watching, Ledger) is enabled
    plant.preparation.signer.close()
