"""What the pages and the API read and do: records fetched, views made of them, actions carried out and noted."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from feedback.qualifier.unknown import Decision
from feedback.tracker.figures import Figures, figures
from feedback.unknown import UnknownReplies
from worker.console.hearing import closures, hear
from worker.console.records import Action, Records, Search
from worker.console.remembered import Remembered
from worker.console.views import course, delivery, lane, message, unknown, worker
from worker.console.views.order import OrderRow, orders
from worker.orders import OrderBook
from worker.orders.order import Order

Clock = Callable[[], float]

CHANGES, ACTIONS = 100, 200
"""So many are shown, the newest."""

PATIENCE = 1.0
"""Seconds that may be spent on looking up what is costly, for one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seams:
    """What the console stands on. `ceiling`: the traffic rule of a site; `meaning`: what a kind of reply is taken for;
    `pools`: the names of the egress pools; `site_of`: the site behind a domain, None where it cannot be told soon."""

    records: Records
    replies: UnknownReplies
    book: OrderBook
    ceiling: lane.CeilingOf
    meaning: unknown.Meaning
    pools: tuple[str, ...]
    site_of: Callable[[str], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts, as given at sign-in, and the address they come from."""

    name: str
    origin: str


class Desk:
    """Every method may raise `StoreAway`. The store is opened by whoever comes first, and again after it was away."""

    def __init__(self, seams: Seams, clock: Clock = time.time) -> None:
        self._seams = seams
        self._clock = clock
        self._opened = False
        self._opening = asyncio.Lock()
        self._remembered = Remembered(time.monotonic)
        self.pools = seams.pools

    def now(self) -> float:
        return self._clock()

    async def open(self) -> None:
        async with self._opening:
            if not self._opened:
                for part in (self._seams.records, self._seams.replies, self._seams.book):
                    await part.open()
                self._opened = True

    async def close(self) -> None:
        for part in (self._seams.records, self._seams.replies, self._seams.book):
            await part.close()
        self._opened = False

    async def deliveries(self) -> list[delivery.DeliveryRow]:
        """All deliveries, those in flight first. What is costly to know of each, its times and rate, is looked up for some at
        a time where they are many: then the rows of the others come without."""
        records = await self._records()
        found = delivery.sums(await self._remembered.get(("standings",), records.standings))
        rows, until = [], time.monotonic() + PATIENCE
        for of in sorted(found, key=lambda of: not of.in_flight):
            at_once = time.monotonic() < until or self._remembered.known(_course_of(of))
            rows.append(delivery.row(of, await self._course(of) if at_once else course.Course(), self.now()))
        return delivery.listed(rows)

    async def delivery(self, delivery_id: str) -> delivery.DeliveryPage | None:
        records = await self._records()
        cells = await self._remembered.get(("cells", delivery_id), lambda: records.cells(delivery_id))
        if not (found := figures(cells)):
            return None
        [of] = found
        went = await self._course(of)
        since = max(self.now() - course.LATELY, went.began or 0.0)
        least = _least(of)
        glance = self._remembered.glance
        reaches = await glance(("reaches", *_course_of(of)), lambda: records.reaches(delivery_id, since), least)
        waits = await glance(("waits", *_course_of(of)), lambda: records.waits(delivery_id), least)
        lately = max(self.now() - since, 1.0)
        return delivery.page(delivery.Told(of, cells, went, reaches, lately, waits), self.now())

    async def messages(self, search: Search) -> list[message.MessageRow]:
        return message.listed(await (await self._records()).messages(search))

    async def addressed(self, address: str) -> list[message.MessageRow]:
        return message.listed(await (await self._records()).addressed(address, 100))

    async def story(self, job_id: str) -> message.Story | None:
        records = await self._records()
        heard = await hear(records, job_id)
        if heard is None:
            return None
        told = message.story(heard, self.now())
        return told if told.final else replace(told, hindrances=tuple(await self._hindrances(told)))

    async def _hindrances(self, told: message.Story) -> list[str]:
        domain = told.address.rpartition("@")[2].lower()
        site = told.site or await self._seams.site_of(domain)
        there = [row for row in await self.sites() if row.site == site]
        way = lane.Way(site, domain, self.pools, await closures(await self._records(), there))
        return lane.hindrances(way, await self.standing(), there, self.now())

    async def sites(self) -> list[lane.SiteRow]:
        records, orders, now = await self._records(), await self.standing(), self.now()
        return lane.sites(await records.lanes(), orders, self._seams.ceiling, now)

    async def changes(self, lanes: Sequence[str] | None) -> list[lane.ChangeRow]:
        return lane.changes(await (await self._records()).changes(lanes, CHANGES))

    async def standing(self) -> list[Order]:
        """The orders in force."""
        await self.open()
        return await self._seams.book.in_force(self.now())

    async def orders(self) -> list[OrderRow]:
        return orders(await self.standing())

    async def workers(self) -> list[worker.WorkerRow]:
        records = await self._records()
        return worker.workers(await self._remembered.get(("workers",), records.workers), self.now())

    async def unknown(self) -> list[unknown.KindRow]:
        await self.open()
        return unknown.waiting(await self._seams.replies.kept(), self._seams.meaning)

    async def actions(self) -> Sequence[Action]:
        return await (await self._records()).actions(ACTIONS)

    async def decide(self, kind: str, decision: Decision, who: Who) -> bool:
        """Note what an operator says of a kind of reply; False: there is none of that id."""
        await self.open()
        if not await self._seams.replies.decide([kind], decision):
            return False
        await self.note(who, decision.value.replace("_", " "), f"reply {kind}")
        return True

    async def give(self, order: Order, who: Who, told: tuple[str, str, str]) -> None:
        """Give an order and note it: `told` is what was done, about what, with which details. It is noted first: an order
        of which no record could be kept is not given."""
        await self.open()
        await self.note(who, *told)
        await self._seams.book.give([order])

    async def note(self, who: Who, what: str, about: str, detail: str = "") -> None:
        records = await self._records()
        await records.note(Action(self.now(), who.name, who.origin, what, about, detail))

    async def _records(self) -> Records:
        await self.open()
        return self._seams.records

    async def _course(self, of: Figures) -> course.Course:
        async def look() -> course.Course:
            return course.course(await self._seams.records.beats(of.delivery_id), self.now())

        return await self._remembered.get(_course_of(of), look, _least(of))


def _course_of(of: Figures) -> tuple[object, ...]:
    """Of a delivery that is over, nothing changes any more but by new messages, so what is known of it is kept longer; but
    not what was known just before."""
    return "course", of.delivery_id, of.in_flight == 0


def _least(of: Figures) -> float:
    return 1.0 if of.in_flight else 600.0
