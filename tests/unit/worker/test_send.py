import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mta.duration import HOUR
from worker.job import SendJob, read
from worker.queue import Job, QueueAway, Ticket
from worker.recipients import Recipients
from worker.send import Delivery, ListChanged, Survey, jobs, publish, survey
from worker.template import Template
from worker.wave import Wave, parse_waves, plan

MESSAGE = b"From: News <news@example.org>\nTo: {name} <{email}>\nSubject: Hello {name}\n\nDear {name},\n.\n"
START = 1_790_000_000.0  # 2026-09-21T13:33:20Z


class Shelf:
    """A publisher that keeps what it is given; it goes away after `patience` batches."""

    def __init__(self, patience: int = 10**9) -> None:
        self.batches: list[list[Job]] = []
        self.patience = patience

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def publish(self, jobs: Sequence[Job]) -> None:
        if len(self.batches) == self.patience:
            raise QueueAway
        self.batches.append(list(jobs))

    @property
    def jobs(self) -> list[Job]:
        return [job for batch in self.batches for job in batch]

    @property
    def ids(self) -> list[str]:
        return [json.loads(job.body)["job_id"] for job in self.jobs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [f"user{number}@site{number % 3}.example;User {number}" for number in range(95)]
    rows[40:40] = ["USER3@Site0.example;again", "user4@site1.example;again"]
    file = tmp_path / "list.csv"
    file.write_text("email;name\n" + "\n".join(rows) + "\n")
    return file


def delivery(**changes: object) -> Delivery:
    given = {"delivery_id": "spring-1", "mail_from": "bounce@example.org", "start": START} | changes
    return Delivery(**given)  # type: ignore[arg-type]


async def sent(
    path: Path, *, waves: str = "30%/2h", batch: int = 500, shelf: Shelf | None = None, **changes: object
) -> Shelf:
    recipients = Recipients(path)
    template = Template.read(MESSAGE, recipients.columns)
    found = survey(recipients, template)
    spec = parse_waves(waves)
    assert not isinstance(spec, str)
    planned = plan(spec, found.recipients)
    assert not isinstance(planned, str)
    shelf = shelf or Shelf()
    made = jobs(delivery(**changes), recipients, template, planned)
    progress = [step async for step in publish(made, shelf, total=found.recipients, batch=batch)]
    assert [step.published for step in progress][-1] == found.recipients
    assert all(step.total == found.recipients for step in progress)
    return shelf


def as_read(job: Job) -> SendJob:
    found = read(Ticket(body=job.body, content_type=job.content_type), max_octets=10**6)
    assert isinstance(found, SendJob)
    return found


async def test_each_recipient_gets_one_job_that_the_worker_can_read(path: Path) -> None:
    shelf = await sent(path)
    assert len(shelf.jobs) == 95
    job = as_read(shelf.jobs[7])
    assert job.delivery_id == "spring-1"
    assert job.envelope.mail_from == "bounce@example.org"
    assert job.rcpt_to == "user7@site1.example"
    assert not job.transactional
    assert job.pool == "default"
    assert job.message == MESSAGE.replace(b"\n", b"\r\n").replace(b"{name}", b"User 7").replace(
        b"{email}", b"user7@site1.example"
    )
    assert shelf.jobs[7].routing_key == "bulk.site1.example"


async def test_a_repeated_recipient_is_sent_once_however_it_is_spelt(path: Path) -> None:
    counted = Counter(as_read(job).rcpt_to for job in (await sent(path)).jobs)
    assert set(counted.values()) == {1}
    assert counted["user3@site0.example"] == 1
    recipients = Recipients(path)
    assert survey(recipients, Template.read(MESSAGE, recipients.columns)) == Survey(95, 2, (), 0)


async def test_waves_are_filled_in_the_order_of_the_list_and_wait_for_their_start(path: Path) -> None:
    read_jobs = [as_read(job) for job in (await sent(path)).jobs]
    assert [job.wave for job in read_jobs] == [0] * 28 + [1] * 29 + [2] * 28 + [3] * 10
    starts = {job.wave: job.not_before for job in read_jobs}
    assert starts == {0: None, 1: START + 2 * HOUR, 2: START + 4 * HOUR, 3: START + 6 * HOUR}


async def test_the_ids_depend_on_list_delivery_and_plan_and_not_on_batches_or_time(path: Path) -> None:
    ids = (await sent(path)).ids
    assert len(set(ids)) == 95
    assert all(job_id.startswith(f"spring-1.{wave}.") for job_id, wave in zip(ids, [0] * 28 + [1] * 29, strict=False))
    for batch in (1, 7, 94, 95, 96):
        again = await sent(path, batch=batch, start=START + 999)
        assert again.ids == ids
        assert max(len(each) for each in again.batches) <= batch
    assert set((await sent(path, delivery_id="spring-2")).ids).isdisjoint(ids)


async def test_sending_again_after_a_break_repeats_ids_and_adds_the_rest(path: Path) -> None:
    broken = Shelf(patience=3)
    with pytest.raises(QueueAway):
        await sent(path, batch=10, shelf=broken)
    whole = (await sent(path)).ids
    assert broken.ids == whole[:30]


async def test_validity_and_priority_and_pool_are_on_every_job(path: Path) -> None:
    shelf = await sent(path, validity=24 * HOUR, transactional=True, pool="warm")
    assert {(as_read(job).expires_at, as_read(job).transactional, as_read(job).pool) for job in shelf.jobs} == {
        (START + 24 * HOUR, True, "warm")
    }
    assert {job.routing_key.partition(".")[0] for job in shelf.jobs} == {"transactional"}
    assert as_read((await sent(path)).jobs[0]).expires_at is None


def test_a_message_that_is_no_utf8_goes_as_exact_octets(path: Path) -> None:
    recipients = Recipients(path)
    template = Template.read(b"Subject: x\r\n\r\n\xff\x00{name}", recipients.columns)
    _, job = next(jobs(delivery(), recipients, template, [Wave(0, 0, 95)]))
    assert as_read(job).message == b"Subject: x\r\n\r\n\xff\x00User 0\r\n"


async def test_large_messages_make_small_batches(path: Path) -> None:
    recipients = Recipients(path)
    template = Template.read(b"Subject: x\r\n\r\n" + b"x" * 3_000_000, recipients.columns)
    shelf = Shelf()
    made = jobs(delivery(), recipients, template, [Wave(0, 0, 95)])
    async for _ in publish(made, shelf, total=95):
        shelf.batches[-1] = [Job(body=b"", routing_key=job.routing_key) for job in shelf.batches[-1]]
    assert {len(batch) for batch in shelf.batches} == {3, 2}


def test_faults_of_the_list_are_named_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("email,id\n" + "a@b.example,ü\n" + "nobody,1\n" * 30 + "a@b.example,1\n", encoding="utf-8")
    recipients = Recipients(file)
    found = survey(recipients, Template.read(b"Message-ID: <{id}@x.example>\r\n\r\n", recipients.columns))
    assert (found.recipients, found.faulty, len(found.faults)) == (1, 31, 20)
    assert found.faults[:2] == (
        f"{file}:2: column 'id': 'ü' cannot be written in us-ascii, the charset of header Message-ID",
        f"{file}:3: email 'nobody' has no domain",
    )


@pytest.mark.parametrize(
    ("count", "text"), [(94, "list.csv:98: the list has grown"), (96, "list.csv: the list has become shorter")]
)
def test_a_list_that_changed_after_the_survey_is_noticed(count: int, text: str, path: Path) -> None:
    recipients = Recipients(path)
    with pytest.raises(ListChanged, match=text):
        list(jobs(delivery(), recipients, Template.read(MESSAGE, recipients.columns), [Wave(0, 0, count)]))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"mail_from": ""}, None),
        ({"delivery_id": "x" * 90}, None),
        ({"delivery_id": "x" * 91}, "delivery '" + "x" * 91 + "': 1 to 90 of A-Z a-z 0-9 . _ : - are wanted"),
        ({"delivery_id": "a b"}, "delivery 'a b': 1 to 90 of A-Z a-z 0-9 . _ : - are wanted"),
        ({"mail_from": "a"}, "mail-from 'a' has no domain"),
        ({"validity": 0.0}, "validity: more than 0s is wanted"),
        ({"validity": 84.0 * HOUR}, None),
        ({"validity": 84.0 * HOUR + 1}, "validity: 84h is the most, and what a delivery has without the option"),
    ],
)
def test_a_faulty_delivery_is_refused_in_words(changes: dict[str, object], fault: str | None) -> None:
    assert delivery(**changes).fault() == fault
