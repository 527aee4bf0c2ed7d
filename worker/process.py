"""One worker process: everything put together, started, and ended in good order."""

import asyncio
import gc
import random
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog
import uvloop

from feedback.log import DeliveryLog, LogAway
from feedback.wording import canonical
from feedback.writer import Writer
from mta.tlsrpt.ledger import Ledger
from worker import adapters, outside, reload, systemd
from worker.bookkeeping import Bookkeeping
from worker.delivery import Delivery, Outside
from worker.group import Group
from worker.intake import Intake, Limits
from worker.metrics.attempts import Attempts
from worker.metrics.collector import Rooms, registry
from worker.metrics.health import Health, Stage
from worker.metrics.listener import Listener
from worker.outage import Outage
from worker.preparation import Preparation
from worker.queue import JobQueue
from worker.ramps.gate import RampGate
from worker.reading import Reading
from worker.schedule import Backoff
from worker.settings import BadSettings, Settings
from worker.settings import Worker as WorkerSettings
from worker.settlement import BUSY, LINGER, Grouping, Settlement, Telling
from worker.shares.refresher import Refresher
from worker.sweep import Sweep
from worker.tlsrpt import TlsReports

if TYPE_CHECKING:
    from worker.tracing import Spans

_log = structlog.get_logger("worker.process")


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, then drain."""
    # Jobs are freed by their reference counts; what the collector would look through again and again lives for ever.
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)  # as many as come and go with a burst to thousands of sites
    uvloop.run(_until_told(settings))


async def _until_told(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    plant = build(settings)
    telling = asyncio.create_task(systemd.tell(plant.health))
    try:
        await tend(plant, settings.worker, stop)
    finally:
        telling.cancel()


async def work(settings: Settings, stop: asyncio.Event) -> None:
    """Be a worker until `stop` is set and what is in hand is done, or `[worker] drain` is over.

    Broker and store may be away at any time, at the start too: the worker waits for them.
    """
    await tend(build(settings), settings.worker, stop)


async def tend(plant: "Plant", settings: WorkerSettings, stop: asyncio.Event) -> None:
    """See `work`."""
    watched = asyncio.create_task(plant.listener.run()) if plant.listener else None
    working = asyncio.create_task(_work(plant, settings))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    working.cancel()
    await asyncio.wait([working])
    await _drain(plant, settings.drain)
    if watched:
        watched.cancel()
        await asyncio.wait([watched])
    if not working.cancelled() and (fault := working.exception()):
        raise fault


@dataclass(frozen=True, slots=True)
class Plant:
    """The parts of a worker that are started and ended together."""

    name: str
    log: DeliveryLog
    queue: JobQueue
    outage: Outage
    outside: Outside
    pacing: Refresher
    ramps: RampGate
    preparation: Preparation
    sweep: Sweep
    bookkeeping: Bookkeeping
    reloads: tuple[reload.Reload[Any], ...]
    bulk: Intake
    transactional: Intake
    tls_reports: TlsReports | None
    health: Health
    traces: "Spans | None" = None
    listener: Listener | None = None


def build(settings: Settings) -> Plant:
    """Put a worker together; nothing is opened yet."""
    name = adapters.worker_name(settings)
    outage, writer, rng = Outage(adapters.places(settings)), Writer(name, canonical), random.Random()
    log, queue = adapters.delivery_log(settings, name), adapters.job_queue(settings, outage)
    grouping = Grouping(batch=settings.feedback.batch, linger=settings.feedback.linger_ms / 1000)
    traces = tracing(settings, name)
    telling = Telling(settings.worker.sample, traces)
    settlement = Settlement(log, queue, writer, outage, grouping, telling)
    reading = Reading(outside.qualifier(settings))
    ledger = Ledger() if settings.tls_report.enabled else None
    seams = outside.build(settings, reading, intents(log), rng, ledger)
    pacing = Refresher(adapters.shares(settings), name, seams.relay)
    ramps = RampGate(pacing.gate, adapters.ramp_book(settings), time.time)
    attempts = Attempts(seams.watch)
    seams = replace(seams, gate=ramps, usable=ramps.usable, watch=attempts.watch)
    preparation = outside.preparation(settings)
    retry = settings.retry
    backoff = Backoff(first=retry.first, factor=retry.factor, longest=retry.max, jitter=retry.jitter)
    delivery = Delivery(seams, preparation, settlement, backoff, time.time, rng)

    def intake(room: int) -> Intake:
        return Intake(queue, log, delivery, writer, outage, Limits(room=room, max_octets=settings.worker.max_job))

    bulk, transactional = intake(settings.worker.in_flight), intake(settings.worker.transactional_in_flight)
    health = Health(outage)
    rooms = Rooms(name, {"bulk": bulk, "transactional": transactional}, delivery, attempts, pacing, health)
    return Plant(
        name=name,
        log=log,
        queue=queue,
        outage=outage,
        outside=seams,
        pacing=pacing,
        ramps=ramps,
        preparation=preparation,
        sweep=Sweep(log, settlement, writer, outage, time.time, seams.orders),
        bookkeeping=Bookkeeping(reading, adapters.unknown_replies(settings), adapters.almanac(settings)),
        reloads=(
            reload.qualification(settings.feedback.rules, reading),
            reload.traffic(settings.traffic.rules, seams.rules),
        ),
        bulk=bulk,
        transactional=transactional,
        tls_reports=tls_reports(settings, name, seams, ledger) if ledger else None,
        health=health,
        traces=traces,
        listener=listener(settings.metrics.listen, rooms) if settings.metrics.listen else None,
    )


def listener(listen: str, rooms: Rooms) -> Listener:
    host, _, port = listen.rpartition(":")
    return Listener(host.strip("[]"), int(port), registry(rooms), rooms.health)


def tracing(settings: Settings, worker: str) -> "Spans | None":
    """Where spans go, if anywhere; what makes them is not loaded otherwise.

    Raises:
        BadSettings: they are wanted, and the extra is not installed.
    """
    if settings.tracing.endpoint is None:
        return None
    try:
        from worker.tracing import spans
    except ImportError as fault:
        raise BadSettings(
            [f"tracing.endpoint: it needs an extra ({fault}): pip install 'campaign-mta[otel]'"]
        ) from None
    return spans(worker, settings.tracing.endpoint)


def tls_reports(settings: Settings, name: str, seams: Outside, ledger: Ledger) -> TlsReports:
    publisher = adapters.job_publisher(settings)
    return TlsReports(ledger, seams.routing.dns, publisher, outside.reporter(settings, name), time.time)


def intents(log: DeliveryLog) -> Callable[[tuple[str, int]], Awaitable[bool]]:
    """Intents committed in groups. With the store away nobody's dot may leave."""

    async def flush(attempts: Sequence[tuple[str, int]]) -> Sequence[bool]:
        try:
            ours = await log.intend(attempts)
        except LogAway:
            ours = set()
        return [job_id in ours for job_id, _ in attempts]

    return Group(flush, limit=200, linger=LINGER, least=BUSY).join


async def _work(plant: Plant, settings: WorkerSettings) -> None:
    await plant.outage.outlast(plant.log.open)
    await plant.outage.outlast(plant.outside.orders.open)
    if plant.outside.policies:
        await plant.outage.outlast(plant.outside.policies.open)
    await plant.outage.outlast(plant.queue.open)
    plant.health.stage = Stage.WORKING
    _log.info("working", worker=plant.name)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(plant.transactional.run(transactional=True))
        tasks.create_task(plant.bulk.run(transactional=False))
        tasks.create_task(plant.outside.orders.run())
        tasks.create_task(_wake(plant))
        tasks.create_task(plant.pacing.run())
        tasks.create_task(plant.ramps.run())
        tasks.create_task(plant.sweep.run(settings.remember))
        tasks.create_task(plant.bookkeeping.run())
        for watch in plant.reloads:
            tasks.create_task(watch.run())
        if plant.tls_reports:
            tasks.create_task(plant.tls_reports.run(plant.outage, random.Random()))


async def _wake(plant: Plant) -> None:
    """What waits because its site took nothing is looked at anew whenever orders change."""
    revision = plant.outside.orders.revision
    while True:
        revision = await plant.outside.orders.changed(revision)
        plant.queue.wake()


async def _drain(plant: Plant, limit: float) -> None:
    """Finish what is in hand within `limit` seconds; hand back the rest by leaving it."""
    plant.health.stage = Stage.DRAINING
    _log.info("draining")
    # Orders hold for what is in hand, too, and so do leases.
    hearing = [asyncio.create_task(task) for task in (plant.outside.orders.run(), plant.pacing.run())]
    try:
        async with asyncio.timeout(limit):
            await asyncio.gather(plant.transactional.drained(), plant.bulk.drained())
    except TimeoutError:
        _log.warning("drain_over")
    await asyncio.gather(plant.transactional.abandon(), plant.bulk.abandon())
    for task in hearing:
        task.cancel()
    await asyncio.wait(hearing)
    await plant.bookkeeping.close()
    if plant.tls_reports:
        await plant.tls_reports.close()
    await plant.outside.relay.close()
    await plant.pacing.close()
    await plant.ramps.close()
    await plant.outside.orders.close()
    if plant.outside.policies:
        await plant.outside.policies.close()
    await plant.queue.close()
    await plant.log.close()
    plant.preparation.signer.close()
    if plant.traces:
        await asyncio.to_thread(plant.traces.close)
    _log.info("stopped", worker=plant.name)
