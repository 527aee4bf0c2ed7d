"""The contract's documents are those of the code, and hold what really goes over the broker."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from feedback.event import Event, encode, join
from feedback.qualification import Code, Qualification, Reason, Type
from feedback.writer import Failure, Writer
from mta.attempt import Attempt, Broken, Delivered, Phase, Refused, Tls, Trouble
from mta.attempt import Path as Way
from mta.reply import Reply
from tests.samples import NOW, STATE
from worker.contract import documents, text
from worker.job import SendJob, read
from worker.preparation import impossible
from worker.queue import Ticket

DEPLOY = Path(__file__).parents[3] / "deploy"
FULL = Qualification(code=Code.MAILBOX_FULL, type=Type.SOFT, reason=Reason.MAILBOX_FULL, rule="full")
JOB = {
    "job_id": "j",
    "delivery_id": "d",
    "mail_from": "",
    "rcpt_to": "a@b.example",
    "message": "From: x@y.example\n\nhi",
}
WITHOUT_MESSAGE = {key: value for key, value in JOB.items() if key != "message"}


def validator(name: str) -> Draft202012Validator:
    schema = documents()[name]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", ["job.schema.json", "event.schema.json", "asyncapi.json"])
def test_the_documents_in_deploy_are_current(name: str) -> None:
    assert (DEPLOY / name).read_text() == text(documents()[name]), "make schemas writes them anew"


def test_every_field_of_a_job_is_explained() -> None:
    properties = documents()["job.schema.json"]["properties"]
    assert all(each.get("description") for each in properties.values())


@pytest.mark.parametrize(
    ("job", "good"),
    [
        (JOB, True),
        (JOB | {"wave": 3, "context": {"a": 1, "b": "x", "c": True, "d": 1.5}, "unheard_of": None}, True),
        (JOB | {"dkim": ["b.example/s"], "expires_at": "2030-01-01T00:00:00Z", "on_doubt": "fail"}, True),
        (WITHOUT_MESSAGE | {"message_b64": "RnJvbTogeEB5LmV4YW1wbGUKCmhp"}, True),
        (JOB | {"message_b64": "aGk="}, False),
        (WITHOUT_MESSAGE, False),
        ({key: value for key, value in JOB.items() if key != "job_id"}, False),
        (JOB | {"job_id": "a b"}, False),
        (JOB | {"job_id": "x" * 129}, False),
        (JOB | {"delivery_id": ""}, False),
        (JOB | {"tenant": "a\nb"}, False),
        (JOB | {"wave": -1}, False),
        (JOB | {"wave": "1"}, False),
        (JOB | {"priority": "urgent"}, False),
        (JOB | {"dkim": "b.example"}, False),
        (JOB | {"context": {"a": {"b": 1}}}, False),
        (JOB | {"test": None}, False),
    ],
)
def test_schema_and_worker_agree_on_what_a_job_is(job: dict[str, Any], good: bool) -> None:
    assert validator("job.schema.json").is_valid(job) is good
    assert isinstance(read(Ticket(body=json.dumps(job).encode()), max_octets=10_000), SendJob) is good


def tried(ending: Delivered | Refused | Broken, tls: Tls | None = None) -> Attempt:
    way = Way(site="b.example", mx_host="mx.b.example", remote_ip="192.0.2.1", helo="h.example", tls=tls)
    return Attempt(phase=Phase.BODY, ending=ending, path=way, began_at=NOW, duration=0.25)


def written() -> list[Event]:
    """One event of each kind and cause."""
    writer, later = Writer("w", str.lower), replace(STATE, seq=1)
    full = tried(Refused(Reply(452, "4.2.2 Full")))
    rejected = writer.rejected({"job_id": "j", "delivery_id": "d"}, NOW, "rcpt_to: missing")
    assert rejected is not None
    return [
        rejected,
        writer.accepted(STATE),
        writer.delayed(STATE, NOW, full, FULL, NOW + 300),
        writer.delayed(STATE, NOW, tried(Broken(Trouble.TIMEOUT, "slow")), FULL, NOW + 300),
        writer.sent(later, NOW, tried(Delivered(Reply(250, "Ok")), Tls("TLSv1.3", "X", "pkix"))),
        writer.sent(later, NOW, None),
        writer.failed(later, NOW, Failure(cause="bounced", qualification=FULL, attempt=full)),
        writer.failed(later, NOW, impossible("pool: none").failure),
        writer.expired(later, NOW),
        writer.cancelled(later, NOW),
    ]


def test_what_the_worker_writes_is_what_the_schema_says() -> None:
    events = written()
    assert {each.event for each in events} == {"accepted", "sent", "delayed", "failed", "cancelled"}
    validator("event.schema.json").validate(json.loads(join([encode(each) for each in events])))


@pytest.mark.parametrize("field", ["event_id", "final", "in_doubt", "log_status", "context", "worker"])
def test_an_event_without_one_of_its_fields_is_none(field: str) -> None:
    event = json.loads(encode(written()[1]))
    assert validator("event.schema.json").is_valid({"events": [event]})
    del event[field]
    assert not validator("event.schema.json").is_valid({"events": [event]})


def test_a_feedback_message_has_between_1_and_500_events() -> None:
    event = json.loads(encode(written()[1]))
    found = [validator("event.schema.json").is_valid({"events": [event] * count}) for count in (0, 1, 500, 501)]
    assert found == [False, True, True, False]
