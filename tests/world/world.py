"""One world: a campaign, some workers, everything they depend on, and a storm of faults; all of it drawn from one seed.

Which kinds of fault a world knows is drawn too: where everything happens at once, much hides behind something else.
"""

import asyncio
import contextvars
import gc
import random
from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec

from feedback.event import timestamp
from feedback.log import LogAway
from mta.traffic.rule import Rule
from mta.traffic.rules import Rules
from tests.world.broker import Broker
from tests.world.crew import EPOCH, Crew, Worker
from tests.world.faults import FAULTS
from tests.world.lanes import Lanes
from tests.world.loop import PROCESS, Process, WorldLoop
from tests.world.orders import Book
from tests.world.receivers import Fate, Receivers, Site, WorldDns
from tests.world.store import Store
from tests.world.story import Job, Moment, Story
from tests.world.wire import Nerves, Wire
from worker.orders.order import Ending, Suspension
from worker.queue import QueueAway, Ticket

SETTLING = 15.0
"""Seconds after a fault in which claims of the dead are not yet free: a lease, and the time to notice."""
_PATIENCE = 3600.0
"""Seconds a calm world may take to come to rest."""

_QUIET = 10
"""Seconds in a row at rest that count: what the slowest call is still to bring would show by then."""


class World:
    """Build it with a seed, let it `live`, read its `story`."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.story = Story(seed)
        self.loop = loop = WorldLoop(rng)  # type: ignore[abstract]
        self.offset = 0.0
        self.story.clock.append((loop.time(), 0.0))
        self.nerves = {"store": Nerves(usual=0.003), "broker": Nerves(usual=0.002), "smtp": Nerves(usual=0.01)}
        self.store_wire = Wire(loop, rng, LogAway, self.nerves["store"])
        self.broker_wire = Wire(loop, rng, QueueAway, self.nerves["broker"])
        self.store = Store(loop.time, self.told)
        self.broker = Broker(loop, rng, self.broker_wire)
        self.broker.told = self.told
        self.fates: dict[str, Fate] = {}
        smtp = Wire(loop, rng, RuntimeError, self.nerves["smtp"])
        self.receivers = Receivers(loop, rng, smtp, self.clock, self.fates)
        self.receivers.told = self.told
        self.book = Book()
        self.workers: list[Worker] = []
        self.names = count(1)
        self.calm = False
        self.unpublished = 0
        self._found()
        self.story.store, self.story.broker = self.store, self.broker

    def _found(self) -> None:
        """Sites, domains, rules, and how bad it is going to be."""
        rng, sites = self.rng, self.receivers.sites
        for number in range(rng.randint(1, 3)):
            rule = Rule(
                name=f"r{number}",
                site=(f"s{number}.example",),
                connections=rng.randint(1, 4),
                rate=rng.choice([None, None, 1.0, 5.0]),
            )
            sites[f"s{number}.example"] = Site(f"s{number}.example", rule, rng.choice([0.0, 0.3, 0.6, 0.9]))
            self.story.connections[f"s{number}.example"] = rule.connections
        domains = {f"d{number}.example": rng.choice(list(sites)) for number in range(2 * len(sites))}
        self.dns = WorldDns(domains, rng)
        self.story.sites = domains
        self.domains = list(domains)
        rules = Rules([*(site.rule for site in sites.values()), Rule(name="default", domain=("*",))])
        self.crew = Crew(
            loop=self.loop,
            store=self.store,
            store_wire=self.store_wire,
            broker=self.broker,
            receivers=self.receivers,
            dns=self.dns,
            book=self.book,
            clock=self.clock,
            rules=rules,
            lanes=Lanes(lambda: EPOCH + self.loop.time()),
            room=rng.choice([2, 5, 12, 30]),
        )
        self.broker.welcome = rng.choice([1.0, 1.0, 0.7])
        self.length = rng.uniform(15.0, 120.0)
        self.pause = rng.choice([0.7, 2.5, 8.0])
        self.kinds = [kind for kind in FAULTS if rng.random() < 0.4]

    def clock(self) -> float:
        return EPOCH + self.loop.time() + self.offset

    def told(self, what: str, which: str, about: Any = None) -> None:
        process = PROCESS.get()
        self.story.moments.append(
            Moment(self.loop.time(), self.clock(), process.name if process else "", what, which, about)
        )

    async def live(self) -> None:
        """The storm, the calm, the end."""
        for _ in range(self.rng.randint(1, 3)):
            self.hire()
        self.campaign = self.loop.create_task(self._campaign())
        await self._storm()
        await self._calm()
        await self._end()
        self.story.breaches += self.loop.faults
        self.story.ended_at, self.story.steps = self.loop.time(), self.loop.steps

    # The campaign

    async def _campaign(self) -> None:
        rng = self.rng
        pauses = rng.choice([(0.0,), (0.0, 0.2, 2.0)])  # a wave at once, or bit by bit
        for number in range(rng.randint(4, 24)):
            await asyncio.sleep(rng.expovariate(1.0) * rng.choice(pauses))
            job = self._job(f"j{number}")
            self.story.jobs[job.job_id] = job
            self.publish(job)
            if rng.random() < 0.15:
                self._publish_later(rng.choice([0.0, 0.05, 5.0, 40.0]), job, False)
            if rng.random() < 0.05:
                self._publish_later(rng.choice([0.0, 0.05, 5.0]), job, True)

    def _publish_later(self, delay: float, job: Job, otherwise: bool) -> None:
        self.unpublished += 1

        def publish() -> None:
            self.unpublished -= 1
            self.publish(job, otherwise)

        self.loop.call_later(delay, publish)

    def _job(self, job_id: str) -> Job:
        rng, now = self.rng, self.clock()
        domain = rng.choice(self.domains) if rng.random() < 0.97 else "gone.example"
        expires_at = now + rng.uniform(0.2, rng.choice([5.0, 30.0, 100.0])) if rng.random() < 0.4 else None
        fate: Fate = "unknown" if rng.random() < 0.08 else "fine"
        if expires_at is not None and rng.random() < 0.4:
            fate = "busy"
        self.fates[f"{job_id}@{domain}"] = fate
        return Job(
            job_id=job_id,
            rcpt_to=f"{job_id}@{domain}",
            delivery_id=f"delivery-{rng.randint(1, 2)}",
            on_doubt=rng.choice(["retry", "retry", "fail", "assume_sent"]),
            not_before=now + rng.uniform(1.0, 40.0) if rng.random() < 0.25 else None,
            expires_at=expires_at,
            test=rng.random() < 0.05,
            readable=rng.random() > 0.03,
            possible=rng.random() > 0.03,
            fate=fate,
        )

    def publish(self, job: Job, otherwise: bool = False) -> None:
        """`otherwise`: the id of a job already published, with other contents."""
        rcpt_to = job.rcpt_to.replace("@", ".other@") if otherwise else job.rcpt_to
        fields: dict[str, Any] = {
            "job_id": job.job_id,
            "delivery_id": job.delivery_id,
            "mail_from": "news@sender.example",
            "rcpt_to": rcpt_to if job.readable else 7,
            "message": f"From: news@sender.example\r\nSubject: {rcpt_to}\r\n\r\nHello\r\n" if job.possible else "x",
            "on_doubt": job.on_doubt,
            "test": job.test,
        }
        for name in ("not_before", "expires_at"):
            if (at := getattr(job, name)) is not None:
                fields[name] = timestamp(at)
        urgent = self.rng.random() < 0.2
        self.told("published by the campaign", job.job_id, rcpt_to)
        self.broker.add(Ticket(body=msgspec.json.encode(fields), content_type="application/json", transactional=urgent))

    # Workers

    def hire(self) -> Worker:
        """Start a worker process."""
        process = Process(f"w{next(self.names)}", self._died)
        context = contextvars.copy_context()
        context.run(PROCESS.set, process)
        worker = context.run(self._employ, process)
        worker.running = self.loop.create_task(worker.run(self.rng.choice([0.2, 5.0, 30.0])), context=context)
        worker.running.add_done_callback(lambda task: self._ended(worker))
        self.workers.append(worker)
        self.told("started", process.name)
        return worker

    def _employ(self, process: Process) -> Worker:
        return Worker(process, self.crew.plant(process.name, random.Random(self.rng.random())), asyncio.Event())

    def _died(self, process: Process) -> None:
        """Killed. What it had written to its sockets may still arrive; the broker notices sooner or later."""
        self.told("killed", process.name)
        for handle in [handle for handle in process.wire if self.rng.random() < 0.5]:
            handle.cancel()
        self._gone(process.name)

    def _ended(self, worker: Worker) -> None:
        task = worker.running
        if worker.process.dead or task is None or task.cancelled():
            return
        if fault := task.exception():
            self.story.breaches.append(f"{worker.process.name} ended with {fault!r}")
        self.story.breaches += worker.leftovers()
        worker.process.dead = True
        self.told("stopped", worker.process.name)
        self._gone(worker.process.name)

    def _gone(self, name: str) -> None:
        self.workers = [worker for worker in self.workers if worker.process.name != name]
        for connection in [each for each in self.broker.connections if each.owner == name]:
            self._world(self.rng.choice([0.0, 0.0, 0.1, 3.0]), self.broker.drop, connection)
        self.troubled(SETTLING)

    def _world(self, delay: float, step: Callable[..., object], *args: Any) -> None:
        token = PROCESS.set(None)
        self.loop.call_later(delay, step, *args)
        PROCESS.reset(token)

    def troubled(self, seconds: float) -> None:
        """Nobody can be blamed for what is late now, or so many seconds on."""
        self.story.troubles.append((self.loop.time(), self.loop.time() + seconds))

    # Storm, calm, end

    async def _storm(self) -> None:
        ends_at = self.loop.time() + self.length
        self._staff()
        if self.rng.random() < 0.25:  # a slow store, to which a wave may come at once
            self.nerves["store"].slow = 0.1
            self.for_a_while(self.length, self.nerves["store"].rest)
        while self.loop.time() < ends_at:
            await asyncio.sleep(self.rng.expovariate(1 / self.pause))
            if self.kinds:
                kind = self.rng.choice(self.kinds)
                self.story.faults[kind] += 1
                self.told("fault", kind)
                FAULTS[kind](self)

    def _staff(self) -> None:
        """A supervisor starts a worker where there is none, sooner or later."""
        if not self.calm and not self.workers:
            self.troubled(20.0)
            self.hire() if self.rng.random() < 0.3 else None
        if not self.calm:
            self.loop.call_later(self.rng.uniform(1.0, 6.0), self._staff)

    async def _calm(self) -> None:
        """All faults stop. The workers of before stay, go or are killed; a fresh one comes."""
        self.calm = True
        self.told("calm", "")
        self.troubled(SETTLING + 5.0)
        self._repair()
        fate = self.rng.choice(["stay", "killed", "told to stop"])
        for worker in list(self.workers):
            worker.process.fatal_call = worker.process.fatal_step = None
            if fate == "killed":
                worker.process.die()
            elif fate == "told to stop":
                worker.stop.set()
        self.hire()
        patience = self.loop.time() + _PATIENCE
        quiet = 0
        while quiet < _QUIET:
            await asyncio.sleep(1.0)
            quiet = quiet + 1 if self.at_rest() else 0
            if self.loop.time() > patience:
                self.story.breaches.append(f"never came to rest: {self._unrest()}")
                return

    def _repair(self) -> None:
        for nerves in self.nerves.values():
            nerves.rest()
        for wire in (self.store_wire, self.broker_wire):
            wire.away = False
            wire.cut.clear()
        self.jump(-self.offset)
        self.dns.dead, self.broker.welcome = False, 1.0
        for site in self.receivers.sites.values():
            site.up, site.moody = True, 0.0
        now = self.clock()
        suspended = [each.target for each in self.book.in_force(now) if isinstance(each, Suspension)]
        if suspended:
            self.book.give(
                [Ending(matter="suspension", target=site, pool=None, since=now, by="op@here") for site in suspended]
            )
        for worker in self.workers:
            self.loop.thaw(worker.process)
        self.broker.ring()

    def at_rest(self) -> bool:
        jobs = self.store.jobs.values()
        if self.unpublished or not self.campaign.done():
            return False
        return not self.broker.tickets and all(kept.row.final and kept.publisher is None for kept in jobs)

    def _unrest(self) -> str:
        queued = {name: len(self.broker.queues[urgent]) for name, urgent in (("bulk", False), ("urgent", True))}
        held = {connection.owner: len(connection.unfinished) for connection in self.broker.connections}
        jobs = [
            f"{job_id}: final {kept.row.final}, owner {kept.row.owner}, publisher {kept.publisher}"
            for job_id, kept in self.store.jobs.items()
            if not kept.row.final or kept.publisher
        ]
        return f"queued {queued}, waiting {self.broker.ladder}, unfinished {held}; {jobs}"

    async def _end(self) -> None:
        for worker in list(self.workers):
            worker.stop.set()
        for _ in range(120):
            if not self.workers:
                return
            await asyncio.sleep(1.0)
        self.story.breaches.append(f"{[worker.process.name for worker in self.workers]} did not stop")

    # Faults

    def someone(self) -> Worker | None:
        return self.rng.choice(self.workers) if self.workers else None

    def jump(self, seconds: float) -> None:
        self.offset += seconds
        self.story.clock.append((self.loop.time(), self.offset))

    def for_a_while(self, seconds: float, end: Callable[[], object]) -> None:
        self.troubled(seconds + SETTLING)
        self.loop.call_later(seconds, end)

    def spell(self) -> float:
        """Seconds that something lasts: moments, or longer than a lease."""
        return self.rng.choice([0.05, 0.5, 3.0, 8.0, 15.0, 40.0]) * self.rng.uniform(0.5, 1.5)


def live(seed: int) -> Story:
    """One world from its beginning to its end. Nothing is collected meanwhile: what a collector finds, and when, is no
    part of the seed, and coroutines that it ends have last words."""
    gc.disable()
    world = World(seed)
    try:
        world.loop.run_until_complete(world.live())
    finally:
        world.loop.dissolve()
        gc.enable()
    return world.story
