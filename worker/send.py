"""A delivery on its way into the queue: a list and a message in, send jobs out.

The list is read twice: once to check it and count, once to publish. So nothing is sent of a list that has a fault, each
wave's size is known, and the memory needed does not depend on its length. The job_id of a recipient depends on the list,
the delivery and the plan alone: sending again what was sent, in whole or in part, sends nothing twice.

A job carries its message as text where it is UTF-8, which nearly every message is: a third smaller than base64, and the
octets are the same. Anything else goes as base64.
"""

import binascii
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from feedback.log import MAX_VALIDITY
from mta.duration import format_duration
from mta.envelope import parse_mailbox
from worker.queue import Job, JobPublisher
from worker.recipients import Faulty, Met, Recipient, Recipients
from worker.template import Template
from worker.wave import Wave

MAX_FAULTS = 20
"""Faulty rows that are told apart; the others are counted."""

_MAX_ID = 90  # of 128 characters of a job_id; the wave and the recipient's hash need the rest
_ID = re.compile(rf"[A-Za-z0-9._:-]{{1,{_MAX_ID}}}")
_BATCH_OCTETS = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What all jobs of a delivery share. `start` is in POSIX seconds; `validity` in seconds from there, None for the most
    there is."""

    delivery_id: str
    mail_from: str
    start: float
    validity: float | None = None
    transactional: bool = False
    pool: str = "default"

    def fault(self) -> str | None:
        """What is wrong with it, in words."""
        if not _ID.fullmatch(self.delivery_id):
            return f"delivery {self.delivery_id!r}: 1 to {_MAX_ID} of A-Z a-z 0-9 . _ : - are wanted"
        if self.mail_from and isinstance(fault := parse_mailbox(self.mail_from), str):
            return f"mail-from {self.mail_from!r} {fault}"
        if self.validity is not None and self.validity <= 0:
            return "validity: more than 0s is wanted"
        if self.validity is not None and self.validity > MAX_VALIDITY:
            return f"validity: {format_duration(MAX_VALIDITY)} is the most, and what a delivery has without the option"
        return None

    @property
    def lifetime(self) -> float:
        """Seconds that its jobs have."""
        return MAX_VALIDITY if self.validity is None else self.validity


@dataclass(frozen=True, slots=True)
class Survey:
    """What the first pass found: recipients without repeats, repeats, the first faults as `file:line: text`, and how many
    there are."""

    recipients: int
    repeats: int
    faults: tuple[str, ...]
    faulty: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the publishing is: jobs confirmed, of how many, and the wave at hand."""

    published: int
    total: int
    wave: int


class ListChanged(Exception):
    """The list is not the one that was surveyed. What is published stays published; sending again goes on from there."""


def survey(recipients: Recipients, template: Template) -> Survey:
    """Read the whole list and check every row."""
    found = repeats = faulty = 0
    faults: list[str] = []
    with Met() as met:
        for row in recipients:
            fault = row.fault if isinstance(row, Faulty) else template.fault(row.values)
            if fault is not None:
                faulty += 1
                if len(faults) < MAX_FAULTS:
                    faults.append(f"{recipients.path}:{row.line}: {fault}")
            elif isinstance(row, Recipient) and met.first(row.digest):
                found += 1
            else:
                repeats += 1
    return Survey(found, repeats, tuple(faults), faulty)


def jobs(
    delivery: Delivery, recipients: Recipients, template: Template, planned: list[Wave]
) -> Iterator[tuple[int, Job]]:
    """Wave number and job for each recipient, in the order of the list; the waves are filled in that order too.

    `ListChanged` when there are not as many recipients as were planned, or a row has become faulty.
    """
    places = _places(planned)
    with Met() as met:
        for row in recipients:
            if isinstance(row, Faulty) or template.fault(row.values) is not None:
                raise ListChanged(f"{recipients.path}:{row.line}: the list has changed since it was checked")
            if not met.first(row.digest):
                continue
            wave = next(places, None)
            if wave is None:
                raise ListChanged(f"{recipients.path}:{row.line}: the list has grown since it was checked")
            yield wave.number, _job(delivery, row, template, wave)
    if next(places, None) is not None:
        raise ListChanged(f"{recipients.path}: the list has become shorter since it was checked")


def _places(planned: list[Wave]) -> Iterator[Wave]:
    for wave in planned:
        for _ in range(wave.count):
            yield wave


def _job(delivery: Delivery, recipient: Recipient, template: Template, wave: Wave) -> Job:
    priority = "transactional" if delivery.transactional else "bulk"
    fields: dict[str, object] = {
        "job_id": f"{delivery.delivery_id}.{wave.number}.{recipient.digest.hex()}",
        "delivery_id": delivery.delivery_id,
        "wave": wave.number,
        "mail_from": delivery.mail_from,
        "rcpt_to": recipient.values["email"],
        "priority": priority,
        "pool": delivery.pool,
    }
    if wave.start > 0:
        fields["not_before"] = _instant(delivery.start + wave.start)
    if delivery.validity is not None:
        fields["expires_at"] = _instant(delivery.start + delivery.lifetime)
    message = template.fill(recipient.values)
    try:
        fields["message"] = message.decode()
    except UnicodeDecodeError:
        fields["message_b64"] = binascii.b2a_base64(message, newline=False).decode()
    return Job(body=msgspec.json.encode(fields), routing_key=f"{priority}.{recipient.mailbox.domain}")


def _instant(posix: float) -> str:
    return datetime.fromtimestamp(posix, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def publish(
    jobs: Iterator[tuple[int, Job]], publisher: JobPublisher, *, total: int, batch: int = 500
) -> AsyncIterator[Progress]:
    """Publish all jobs in batches of at most `batch`, or fewer where they are large; one `Progress` when each is confirmed.

    `QueueAway` when the queue is, and `ListChanged`, pass through; what was confirmed before stays published.
    """
    published = 0
    for wave, gathered in _batches(jobs, batch):
        await publisher.publish(gathered)
        published += len(gathered)
        yield Progress(published, total, wave)


def _batches(jobs: Iterator[tuple[int, Job]], batch: int) -> Iterator[tuple[int, list[Job]]]:
    gathered: list[Job] = []
    octets = wave = 0
    for wave, job in jobs:
        gathered.append(job)
        octets += len(job.body)
        if len(gathered) >= batch or octets >= _BATCH_OCTETS:
            yield wave, gathered
            gathered, octets = [], 0
    if gathered:
        yield wave, gathered
