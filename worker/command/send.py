"""`campaign-mta send`: checked first, planned, shown, then published with a progress bar."""

import asyncio
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from mta.attempt import Broken
from mta.duration import format_duration, parse_duration
from mta.message import draft
from worker import adapters, outside
from worker.command.progress import progress
from worker.job import Unreadable, read
from worker.queue import Job, QueueAway, Ticket
from worker.recipients import BadList, Recipients
from worker.send import Delivery, ListChanged, jobs, publish, survey
from worker.settings import BadSettings, Settings
from worker.template import Template
from worker.wave import ALL_AT_ONCE, Impossible, Sound, Tight, Wave, judge, parse_waves, plan

GO_ON = "what is enqueued will be sent; the same command again enqueues the rest and sends nothing twice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the command line asks for."""

    delivery: str
    mail_from: str
    recipients: Path
    message: Path
    waves: str | None = None
    priority: str = "bulk"
    pool: str = "default"
    validity: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery checked and planned, ready to be published. `warnings` are for the user."""

    delivery: Delivery
    recipients: Recipients
    template: Template
    waves: list[Wave]
    repeats: int = 0
    warnings: tuple[str, ...] = ()


class Refused(Exception):
    """The delivery must not go out as it is; the text says why, and that nothing was sent."""


def run(settings: Settings, order: Order, json: bool) -> int:
    try:
        prepared = prepare(settings, order)
        for warning in prepared.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        if not json and order.waves:
            _show(prepared)
        published = asyncio.run(enqueue(settings, prepared))
    except Refused as fault:
        print(fault, file=sys.stderr)
        return 1
    except ListChanged as fault:
        print(f"{fault}; {GO_ON}", file=sys.stderr)
        return 1
    except QueueAway as fault:
        print(f"{fault}; is it running, and is [broker] url right? {GO_ON}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped; {GO_ON}", file=sys.stderr)
        raise
    if json:
        print(msgspec.json.encode({"delivery_id": order.delivery, "published": published}).decode())
    else:
        repeats = f", {prepared.repeats} repeats in the list left out" if prepared.repeats else ""
        print(f"{published} jobs enqueued{repeats}")
    return 0


def prepare(settings: Settings, order: Order) -> Prepared:
    """Check all there is to check before anything is sent.

    Raises:
        BadSettings: options that cannot be used.
        Refused: faulty rows, or a plan that cannot work out.
    """
    delivery, recipients, template = _read(settings, order)
    found = survey(recipients, template)
    if found.faulty:
        raise Refused(
            "\n".join([*found.faults, f"{found.faulty} faulty rows: nothing was sent; mend them, send again"])
        )
    planned = _plan(order, found.recipients)
    if fault := _first_fault(settings, next(jobs(delivery, recipients, template, planned), None)):
        raise BadSettings([f"--message {order.message}: {fault}"])
    warnings = tuple(
        f"--message {order.message}: {{{name}}} is no column of {order.recipients}, and goes out as it stands"
        for name in template.strays
    )
    match judge(planned, delivery.lifetime):
        case Impossible(text):
            raise Refused(text)
        case Tight(text):
            warnings += (text,)
        case Sound():
            pass
    return Prepared(delivery, recipients, template, planned, found.repeats, warnings)


def _read(settings: Settings, order: Order) -> tuple[Delivery, Recipients, Template]:
    """What the options name, or every fault of theirs."""
    faults = []
    validity = None
    if order.priority not in ("bulk", "transactional"):
        faults.append(f"--priority {order.priority}: bulk or transactional is wanted")
    try:
        validity = parse_duration(order.validity) if order.validity is not None else None
    except ValueError as fault:
        faults.append(f"--validity: {fault}")
    delivery = Delivery(
        delivery_id=order.delivery,
        mail_from=order.mail_from,
        start=time.time(),
        validity=validity,
        transactional=order.priority == "transactional",
        pool=order.pool,
    )
    if text := delivery.fault():
        faults.append(f"--{text}")
    if order.pool not in (pools := outside.pools(settings)):
        faults.append(f"--pool {order.pool}: there is none of that name; there are: {', '.join(sorted(pools))}")
    try:
        octets = order.message.read_bytes()
    except OSError as fault:
        faults.append(f"--message {order.message}: {fault.strerror}")
        octets = b""
    else:
        if not octets.strip():
            faults.append(f"--message {order.message}: the file is empty")
    try:
        recipients = Recipients(order.recipients)
    except BadList as fault:
        raise BadSettings([*faults, f"--recipients {fault}"]) from None
    if faults:
        raise BadSettings(faults)
    return delivery, recipients, Template.read(octets, recipients.columns)


def _plan(order: Order, total: int) -> list[Wave]:
    waves = parse_waves(order.waves) if order.waves is not None else ALL_AT_ONCE
    planned = waves if isinstance(waves, str) else plan(waves, total)
    if isinstance(planned, str):
        raise BadSettings([f"--waves: {planned}"])
    return planned


def _first_fault(settings: Settings, first: tuple[int, Job] | None) -> str | None:
    """Why no worker would send the first job; the others have the same message, but for their columns."""
    if first is None:
        return None
    _, job = first
    found = read(Ticket(body=job.body, content_type=job.content_type), max_octets=settings.worker.max_job)
    if isinstance(found, Unreadable):
        return found.reason
    message = draft(found.message, job_id=found.job_id, accepted_at=0.0)
    return message.text if isinstance(message, Broken) else None


def _show(prepared: Prepared) -> None:
    table = Table("wave", "starts", "after", "recipients", title=f"delivery {prepared.delivery.delivery_id}")
    for wave in prepared.waves:
        at = datetime.fromtimestamp(prepared.delivery.start + wave.start, UTC)
        table.add_row(str(wave.number), f"{at:%Y-%m-%d %H:%M:%S} UTC", format_duration(wave.start), f"{wave.count:,}")
    Console().print(table)


async def enqueue(settings: Settings, prepared: Prepared) -> int:
    """Publish all jobs; answers how many."""
    total = sum(wave.count for wave in prepared.waves)
    made = jobs(prepared.delivery, prepared.recipients, prepared.template, prepared.waves)
    async with adapters.opened(adapters.job_publisher(settings)) as publisher:
        with progress("enqueueing", total) as bar:
            async for step in publish(made, publisher, total=total):
                bar(step.published)
    return total
