"""The busy sites' queues: found, made, consumed as fast as the sites take mail, and given back when their time is over.

All workers agree through the broker: which sites have queues stands in the `Register`, which domains lead to them in the
broker's bindings. A domain that is bound to two queues, because two workers saw different MX records, sends its jobs to both;
the log lets each through once, and whoever meets such a job on the wrong queue takes the binding away.
"""

import asyncio
import time
from contextlib import suppress

import structlog

from mta.lane import Lane
from worker.queue import QueueAway
from worker.queue.census import Census
from worker.queue.portion import Portion
from worker.queue.rabbit import line as queues
from worker.queue.rabbit import probe
from worker.queue.rabbit.intake import Intake, Wanted, queue_of
from worker.queue.rabbit.line import Line
from worker.queue.rabbit.link import Wire, away, is_cancelled
from worker.queue.rabbit.names import Names
from worker.queue.rabbit.register import Register
from worker.queue.rabbit.tap import Delivery

_log = structlog.get_logger("worker.queue.rabbit")

MOST = 64
"""Sites with queues of their own, over all workers."""
DOMAINS = 1000
"""Domains of one site, found by one worker, whose jobs go to its queue directly; those of more go by the common one."""
BARE = 3600.0
"""Seconds for which a site's queues must have been empty, and nobody consuming them, before they are deleted: no message of
theirs can be in anybody's hands then, since the broker takes back what is held for half an hour."""

_TICK = 0.25
_LOOK, _REREAD, _RETIRE = 2.0, 60.0, 10.0  # seconds between two looks
_BINDS = 20  # in one tick
_STOP = 2.0
_REFUSED = 60.0  # seconds until a site is proposed again for which there was no room


class Sites:
    """Those that this worker knows of."""

    def __init__(self, names: Names, shared: Intake, wanted: Wanted, bell: asyncio.Event) -> None:
        self.lines: dict[str, Line] = {}
        self._names = names
        self._shared = shared
        self._wanted = wanted
        self._bell = bell
        self._census = Census()
        self._register = Register(names)
        self._entering = Portion(queues.SPARE)
        self._turn = 0
        self._wishes: dict[tuple[str, str], bool] = {}  # site and domain: to be bound, or not to be any more
        self._refused: dict[str, float] = {}
        self._known = -1
        self._looked, self._read, self._retired = 0.0, 0.0, 0.0
        self._adopting: dict[str, asyncio.Task[None]] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._halt = asyncio.Event()

    async def attach(self, wire: Wire) -> None:
        """Work over a new connection, beside whatever else is done on it."""
        await self._stop()
        self._known, self._looked, self._read = -1, 0.0, 0.0
        self._keeper = asyncio.create_task(self._keep(wire), name="site queues")

    async def close(self) -> None:
        await self._stop()
        for line in self.lines.values():
            await line.close()

    async def take(self, limit: int) -> list[Delivery]:
        """Up to `limit` messages of all queues in turn; waits until there is at least one."""
        while True:
            self._bell.clear()
            if taken := self._pick(limit):
                return taken
            await self._bell.wait()

    def admit(self, delivery: Delivery, site: str, domain: str, *, transactional: bool) -> bool:
        """Whether a ticket may go to the gate; if not, it belongs with its site's held ones."""
        line = self.lines.get(site)
        self._compare(delivery, site, domain)
        if line is None or transactional:
            delivery.leave()
            return True
        if delivery.portion is line.portion:
            return True
        # What was published waits at the gate for a moment rather than to be moved. What comes back from the ladder comes at a
        # time that it was told: it may show that the site takes mail again.
        fresh = delivery.message.exchange == self._names.jobs
        full = line.portion.tight(time.monotonic()) if fresh else not line.portion.room
        if line.trusted and full:
            return False
        delivery.take_of(line.portion)
        return True

    def told(self, delivery: Delivery, lane: Lane, *, waited: float, until: float | None) -> None:
        """What the gate said of a ticket that goes by this lane; `until` in POSIX seconds, None: it has leave."""
        delivery.leave()
        now = time.monotonic()
        self._census.count(lane.site, now, held=until is not None)
        if line := self.lines.get(lane.site):
            if until is None:
                line.portion.passed(lane, waited, now)
            else:
                line.portion.held(lane, now + until - time.time(), now)
        if until is None:
            self._bell.set()

    def wake(self) -> None:
        """Forget what sites were said not to take."""
        for line in self.lines.values():
            line.portion.forget()
        self._bell.set()

    def holds(self, site: str) -> bool:
        """Whether tickets can be put with the site's held ones."""
        line = self.lines.get(site)
        return line is not None and line.trusted

    def knows(self, site: str) -> bool:
        """Whether the site has queues of its own, to be trusted or not."""
        return site in self.lines

    # Taking

    def _pick(self, limit: int) -> list[Delivery]:
        now = time.monotonic()
        lines = list(self.lines.values())
        self._turn = (self._turn + 1) % (len(lines) + 1)
        lines = lines[self._turn :] + lines[: self._turn]
        closed = [line for line in lines if not line.portion.free(now)]
        taken = self._enter(closed, max(limit // 4, 1), queues.ENTERING)
        while len(taken) < limit:
            before = len(taken)
            for line in lines:
                taken += line.pop(now)
            if delivery := self._shared.pop():
                taken.append(delivery)
            if len(taken) == before:
                break
        tight = [line for line in closed if line.portion.tight(now)]
        return taken + self._enter(tight, limit - len(taken), queues.SPARE)

    def _enter(self, lines: list[Line], limit: int, most: int) -> list[Delivery]:
        """Some of those that are published for sites which take no more now, of each in turn."""
        taken: list[Delivery] = []
        while True:
            before = len(taken)
            for line in lines:
                if len(taken) >= limit or self._entering.on_the_way >= most:
                    return taken
                if delivery := line.fresh.pop():
                    delivery.take_of(self._entering)
                    taken.append(delivery)
            if len(taken) == before:
                return taken

    def _compare(self, delivery: Delivery, site: str, domain: str) -> None:
        """Where the job came from, and where it should have."""
        message = delivery.message
        key = f"bulk.{domain}"
        if message.exchange != self._names.jobs or message.routing_key != key:
            return
        came = queue_of(message.consumer_tag or "")
        if came == self._names.bulk:
            line = self.lines.get(site)
            if line is not None and line.trusted and domain not in line.bound and len(line.bound) < DOMAINS:
                self._wishes[site, domain] = True
        elif came != self._names.bulk_of(site):
            self._wishes[came.removeprefix(f"{self._names.bulk}."), domain] = False

    # Keeping

    async def _keep(self, wire: Wire) -> None:
        while not (wire.lost.is_set() or self._halt.is_set() or is_cancelled()):
            now = time.monotonic()
            for work in (self._look, self._enlist, self._tend, self._bind, self._retire):
                try:
                    await work(wire, now)
                except QueueAway as fault:
                    _log.debug("site_queues_wait", fault=str(fault))
            self._bell.set()
            await self._pause(_TICK)

    async def _pause(self, seconds: float) -> None:
        """Sleep; shorter when all is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._halt.wait()

    async def _look(self, wire: Wire, now: float) -> None:
        """Find what other workers have listed."""
        if now - self._looked < _LOOK:
            return
        self._looked = now
        listed = await self._register.count(wire)
        if listed != self._known or now - self._read > _REREAD:
            async with self._register.page(wire) as page:
                sites = page.sites
            self._known, self._read = listed, now
            await self._follow(sites)
        for site, line in self.lines.items():
            if line.lost or not line.trusted:
                self._adopt(wire, site)

    async def _follow(self, sites: set[str]) -> None:
        for site in sites - self.lines.keys():
            self.lines[site] = Line(site, self._names, self._shared.prefetch, self._wanted, self._bell)
        for site in [site for site, line in self.lines.items() if site not in sites and (line.idle or line.lost)]:
            await self.lines.pop(site).close()

    async def _enlist(self, wire: Wire, now: float) -> None:
        """List the sites that have become busy, as far as there is room."""
        for site in self._census.busy(now):
            if site in self.lines or now < self._refused.get(site, 0.0) or not queues.fits(site):
                continue
            async with self._register.page(wire) as page:
                if site not in page.sites:
                    if len(page.sites) >= MOST:
                        self._refused[site] = now + _REFUSED
                        continue
                    await page.add(site)
                    _log.info("site_listed", site=site, listed=len(page.sites))
                sites = page.sites
            await self._follow(sites | {site})
            self._adopt(wire, site)

    def _adopt(self, wire: Wire, site: str) -> None:
        task = self._adopting.get(site)
        if task is None or task.done():
            self._adopting[site] = asyncio.create_task(self._attach(wire, site))

    async def _attach(self, wire: Wire, site: str) -> None:
        """Consume a site's queues; use them when they have shown that they can be trusted."""
        line = self.lines[site]
        line.trusted = False
        with suppress(QueueAway):
            if line.lost:
                await line.attach(wire)
                self._bell.set()
            await self._pause(probe.SETTLING)
            await self._probe(wire, (line.fresh.queue, line.held.queue))
            line.trusted = not line.lost
            _log.info("site_queues", site=site)

    async def _probe(self, wire: Wire, queues: tuple[str, ...]) -> None:
        with away():
            channel = await wire.channel()
            await probe.send(channel, queues, timeout=_RETIRE)
            await channel.close()

    async def _tend(self, _: Wire, now: float) -> None:
        for line in list(self.lines.values()):
            with suppress(QueueAway):
                if not line.lost:
                    await line.tend(now)

    async def _bind(self, wire: Wire, _: float) -> None:
        """Lead domains to their sites' queues, and away from others."""
        if not self._wishes:
            return
        some = list(self._wishes.items())[:_BINDS]
        with away():
            channel = await wire.channel()
            for (site, domain), wanted in some:
                line = self.lines.get(site)
                if wanted and line is not None:
                    await channel.exchange_bind(self._names.bulk_of(site), self._names.tickets, f"bulk.{domain}")
                    line.bound.add(domain)
                elif not wanted:
                    await channel.exchange_unbind(self._names.bulk_of(site), self._names.tickets, f"bulk.{domain}")
                    if line is not None:
                        line.bound.discard(domain)
                del self._wishes[site, domain]
            await channel.close()

    async def _retire(self, wire: Wire, now: float) -> None:
        """Give back the queues of sites that are busy no more; consume again where something came."""
        if now - self._retired < _RETIRE:
            return
        self._retired = now
        for site, line in list(self.lines.items()):
            if line.lost or not line.idle:
                line.bare_since = None
                continue
            messages, consumers = await queues.waiting(wire, self._names, site)
            if messages or consumers:
                line.bare_since = None
            if messages and not consumers:
                await line.wake()
            elif not consumers:
                line.bare_since = line.bare_since or now
                if now - line.bare_since > BARE:
                    await self._remove(wire, line)

    async def _remove(self, wire: Wire, line: Line) -> None:
        async with self._register.page(wire) as page:
            await queues.divert(wire, self._names, line.site)
            await self._pause(probe.SETTLING)
            if self._halt.is_set() or any(await queues.waiting(wire, self._names, line.site)):
                with away():
                    await queues.declare(wire, self._names, line.site)
                return
            await queues.remove(wire, self._names, line.site)
            await page.strike(line.site)
        del self.lines[line.site]
        await line.close()
        _log.info("site_struck", site=line.site)

    async def _stop(self) -> None:
        """Let what is under way come to its end, if that is soon: the client library is loud about calls broken off."""
        tasks = [task for task in (self._keeper, *self._adopting.values()) if task is not None and not task.done()]
        self._halt.set()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._keeper = None
        self._adopting.clear()
        self._halt = asyncio.Event()
