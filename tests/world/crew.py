"""Worker processes of the real house, put together on the world's seams as `worker.process.build` does on real ones."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from feedback.qualifier import Qualifier
from feedback.qualifier.storm import Counts, Weather
from feedback.qualifier.unknown import Decision, Key, Ledger
from feedback.wording import canonical
from feedback.writer import Writer
from mta.lane import Source
from mta.routing.cache import Cache
from mta.routing.routes import Routes
from mta.routing.routing import Policy, Routing
from mta.signing.keyring import Keyring
from mta.signing.signer import Signer
from mta.traffic.gate import LaneGate
from mta.traffic.ramp import Ramp
from mta.traffic.rules import Rules, RulesInForce
from tests.world.broker import Broker, BrokerQueue
from tests.world.lanes import Lanes, LanesView
from tests.world.loop import Process, WorldLoop
from tests.world.orders import Book, BookView
from tests.world.receivers import Receivers, WorldDns, WorldRelay
from tests.world.store import Store, StoreLog
from tests.world.wire import Wire
from worker import process
from worker.bookkeeping import Bookkeeping
from worker.delivery import Delivery, Outside
from worker.intake import Intake, Limits
from worker.metrics.health import Health
from worker.orders.view import Orders
from worker.outage import Outage
from worker.preparation import Preparation
from worker.process import Plant
from worker.ramps import Count
from worker.ramps.gate import RampGate
from worker.reading import Reading
from worker.schedule import Backoff
from worker.settings import Worker as WorkerSettings
from worker.settlement import Grouping, Settlement
from worker.shares.refresher import Refresher
from worker.sweep import Sweep


@dataclass(slots=True)
class Crew:
    """Everything that workers share."""

    loop: WorldLoop
    store: Store
    store_wire: Wire
    broker: Broker
    receivers: Receivers
    dns: WorldDns
    book: Book
    clock: Callable[[], float]
    rules: Rules
    lanes: Lanes
    room: int

    def plant(self, name: str, rng: random.Random) -> Plant:
        """One worker, ready to be started."""
        log = StoreLog(self.store, name, call=self.store_wire.call)
        queue = BrokerQueue(self.broker, name)
        outage, writer = Outage(), Writer(name, canonical)
        settlement = Settlement(log, queue, writer, outage, Grouping())
        reading = Reading(_qualifier())
        seams = self._outside(log, reading, rng)
        pacing = Refresher(LanesView(self.lanes, self.store_wire), name, seams.relay, clock=self.clock)
        ramps = RampGate(pacing.gate, Warm(), self.clock)
        seams = replace(seams, gate=ramps, usable=ramps.usable)
        preparation = Preparation(_POOLS, Signer(Keyring([], optional=True)))
        backoff = Backoff(first=8.0, factor=2.0, longest=60.0, jitter=0.2)
        delivery = Delivery(seams, preparation, settlement, backoff, self.clock, rng)

        def intake(room: int) -> Intake:
            return Intake(queue, log, delivery, writer, outage, Limits(room=room, max_octets=100_000))

        return Plant(
            name=name,
            log=log,
            queue=queue,
            outage=outage,
            outside=seams,
            pacing=pacing,
            ramps=ramps,
            preparation=preparation,
            sweep=Sweep(log, settlement, writer, outage, self.clock, seams.orders),
            bookkeeping=Bookkeeping(reading, Unnoted(), Fair(), self.clock),
            reloads=(),
            bulk=intake(self.room),
            transactional=intake(self.room),
            tls_reports=None,
            health=Health(outage),
        )

    def _outside(self, log: StoreLog, reading: Reading, rng: random.Random) -> Outside:
        return Outside(
            routing=Routing(Routes([]), Cache(self.dns, self.loop.time), Policy(), rng),
            rules=RulesInForce(self.rules),
            gate=LaneGate(self.clock),
            relay=WorldRelay(self.receivers),
            reading=reading,
            orders=Orders(BookView(self.book, self.store_wire), self.clock),
            intend=process.intents(log),
        )


@dataclass(slots=True)
class Worker:
    """A worker at work: its process, its parts, and how it is told to stop."""

    process: Process
    plant: Plant
    stop: asyncio.Event
    running: "asyncio.Task[None] | None" = None

    async def run(self, drain: float) -> None:
        await process.tend(self.plant, WorkerSettings(drain=drain, remember=2 * EPOCH), self.stop)

    def leftovers(self) -> list[str]:
        """What a worker that has ended in good order must not have in hand."""
        window, gate = self.settlement.window, self.plant.pacing.gate
        found = {
            "jobs in the doubt window": len(window._inside) + sum(door.inside for door in window._doors.values()),
            "waiting for the doubt window": sum(len(door.waiting) for door in window._doors.values()),
            "permits": len(gate._lent),
            "turns taken": sum(line.turns.busy for line in gate._lines.values()),
            "jobs in hand": len(self.plant.bulk._in_hand) + len(self.plant.transactional._in_hand),
        }
        return [f"{self.process.name}: {number} {what}" for what, number in found.items() if number]

    @property
    def settlement(self) -> Settlement:
        return self.plant.bulk._delivery.settlement


class Unnoted:
    """`UnknownReplies` that keeps nothing."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def add(self, ledger: Ledger) -> None: ...

    async def kept(self) -> Ledger:
        return {}

    async def decisions(self) -> dict[Key, Decision]:
        return {}

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        return set()


class Fair:
    """An `Almanac` in which nothing is ever written."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def exchange(self, counts: Mapping[str, Counts], now: float) -> dict[str, Weather]:
        return {}

    async def kept(self) -> dict[str, Weather]:
        return {}


class Warm:
    """A `RampBook` for sources that need none."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def add(self, counts: Mapping[str, Count], date: int) -> dict[str, Ramp]:
        return {}

    async def known(self, lanes: list[str]) -> dict[str, Ramp]:
        return {}


EPOCH = 1_800_000_000.0
"""What the wall clock shows when the loop's shows 0."""

_SOURCE = Source(pool="default", helo="mta.example")
_POOLS = {"default": (_SOURCE,)}


@cache
def _qualifier() -> Qualifier:
    return Qualifier.stock()
