"""Seams played by memory, which note in one journal what is asked of them and in which order."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from feedback.event import Event, decode
from feedback.log import Candidate, Claim, LogAway, Outcome, State, Tally
from feedback.store import StoreAway
from mta.lane import Lane
from mta.traffic.accounts import Answers, Changed, SharesAway
from mta.traffic.memory import decode as decode_account
from mta.traffic.shares import Account, Ask
from worker.orders.order import Cancellation, Ending, Order, Override, Suspension
from worker.orders.row import order as read_row
from worker.orders.row import row as write_row
from worker.queue import QueueAway, Ticket
from worker.shares.step import UNKNOWN, changed, step


@dataclass
class Journal:
    """Calls in their order. `failing`: how often each named call is away before it works."""

    calls: list[str] = field(default_factory=list)
    failing: dict[str, int] = field(default_factory=dict)

    def note(self, call: str, fault: type[Exception]) -> None:
        if self.failing.get(call, 0) > 0:
            self.failing[call] -= 1
            self.calls.append(f"{call} away")
            raise fault(call)
        self.calls.append(call)


@dataclass
class FakeQueue:
    """`JobQueue`: tickets come from `waiting`; what was parked, held, finished, rejected and published is kept. Sites in
    `crowded` take nothing; what the gate said is in `heard`."""

    journal: Journal = field(default_factory=Journal)
    waiting: list[Ticket] = field(default_factory=list)
    parked: list[tuple[Ticket, float, int]] = field(default_factory=list)
    finished: list[Ticket] = field(default_factory=list)
    rejected: list[tuple[Ticket, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    held: list[tuple[str, float, int]] = field(default_factory=list)
    crowded: set[str] = field(default_factory=set)
    heard: list[tuple[str, float | None]] = field(default_factory=list)
    traces: list[str | None] = field(default_factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def take(self, *, transactional: bool, limit: int) -> list[Ticket]:
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return taken

    async def park(self, ticket: Ticket, *, delay: float, generation: int, transactional: bool) -> None:
        self.journal.note("park", QueueAway)
        self.parked.append((ticket, delay, generation))

    def admit(self, ticket: Ticket, site: str, domain: str) -> bool:
        return site not in self.crowded

    def told(self, ticket: Ticket, lane: Lane, *, waited: float, until: float | None) -> None:
        self.heard.append((lane.site, until))

    def wake(self) -> None:
        self.journal.note("wake", QueueAway)

    async def hold(self, ticket: Ticket, *, site: str, delay: float, generation: int) -> None:
        self.journal.note("hold", QueueAway)
        self.held.append((site, delay, generation))

    async def done(self, ticket: Ticket) -> None:
        self.journal.note("done", QueueAway)
        self.finished.append(ticket)

    async def reject(self, ticket: Ticket, reason: str) -> None:
        self.journal.note("reject", QueueAway)
        self.rejected.append((ticket, reason))

    async def publish_events(self, body: bytes, traceparent: str | None = None) -> None:
        self.journal.note("publish", QueueAway)
        self.traces.append(traceparent)
        self.events += decode(body)


@dataclass
class FakeLog:
    """`DeliveryLog`: claims are answered from `answers`; `lost` names jobs that are no longer ours."""

    journal: Journal = field(default_factory=Journal)
    answers: list[Claim] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    expired: list[State] = field(default_factory=list)
    open_jobs: list[State] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    holds: dict[str, bytes] = field(default_factory=dict)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def claim(self, candidates: Sequence[Candidate], now: float) -> list[Claim]:
        self.journal.note("claim", LogAway)
        return [self.answers.pop(0) for _ in candidates]

    async def intend(self, attempts: Sequence[tuple[str, int]]) -> set[str]:
        self.journal.note("intend", LogAway)
        return {job_id for job_id, _ in attempts} - self.lost

    async def release(self, jobs: Sequence[tuple[str, int, bytes | None]]) -> None:
        self.journal.note("release", LogAway)
        self.holds |= {job_id: holds for job_id, _, holds in jobs if holds is not None}

    async def forsake(self, job_ids: Sequence[str]) -> None:
        self.journal.note("forsake", LogAway)

    async def record(self, outcomes: Sequence[Outcome]) -> set[str]:
        self.journal.note("record", LogAway)
        self.outcomes += [outcome for outcome in outcomes if outcome.job_id not in self.lost]
        return {outcome.job_id for outcome in outcomes} - self.lost

    async def parked(self, tickets: Sequence[tuple[str, int]]) -> None:
        self.journal.note("parked", LogAway)

    async def due(self, now: float, limit: int) -> list[State]:
        self.journal.note("due", LogAway)
        found, self.expired = self.expired[:limit], self.expired[limit:]
        return found

    async def unsettled(self, delivery_ids: Sequence[str], limit: int) -> list[State]:
        self.journal.note("unsettled", LogAway)
        wanted = [state for state in self.open_jobs if state.face.delivery_id in delivery_ids][:limit]
        self.open_jobs = [state for state in self.open_jobs if state not in wanted]
        return wanted

    async def unpublished(self, limit: int) -> list[bytes]:
        self.journal.note("unpublished", LogAway)
        return self.left[:limit]

    async def published(self, job_ids: Sequence[str]) -> None:
        self.journal.note("published", LogAway)

    async def forget(self, before: float, limit: int) -> int:
        return 0

    async def tally(self, delivery_id: str | None) -> list[Tally]:
        return []

    async def finals(self, delivery_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
        return []


@dataclass
class FakeOrders:
    """`OrderBook`: those that share `pages` have the same book before them."""

    pages: list[Order] = field(default_factory=list)
    away: bool = True
    told: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        self.away = False

    async def close(self) -> None:
        self.away = True

    async def give(self, orders: Sequence[Order]) -> None:
        self._look()
        self.pages += [_storable(order) for order in orders]
        self.told.set()

    async def newest(self) -> int:
        return len(self._look())

    async def in_force(self, now: float) -> list[Order]:
        last = {_about(order): (number, order) for number, order in enumerate(self._look())}
        return [
            order
            for _, order in sorted(last.values(), key=lambda numbered: numbered[0])
            if not isinstance(order, Ending)
            and (isinstance(order, Cancellation) or order.until is None or order.until > now)
        ]

    async def history(self, limit: int) -> list[Order]:
        return self._look()[::-1][:limit]

    async def heard(self, patience: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.told.wait(), patience)
        self.told.clear()

    def _look(self) -> list[Order]:
        if self.away:
            raise StoreAway("closed")
        return self.pages


def _about(order: Order) -> tuple[str, str, str | None]:
    match order:
        case Suspension(target=target, pool=pool):
            return "suspension", target, pool
        case Override(target=target, pool=pool):
            return "override", target, pool
        case Ending(matter=matter, target=target, pool=pool):
            return matter, target, pool
        case Cancellation(delivery_id=delivery_id):
            return "cancellation", delivery_id, None


def _storable(order: Order) -> Order:
    """The order as any store gives it back."""
    return read_row(write_row(order))


@dataclass
class FakeShares:
    """`Shares`: those that share `texts` keep the same accounts; `away` refuses everything. `asked`: each refresh's lanes."""

    texts: dict[str, str] = field(default_factory=dict)
    recorded: list[Changed] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    away: bool = True
    asked: list[list[str]] = field(default_factory=list)

    async def open(self) -> None:
        self.away = False

    async def close(self) -> None:
        self.away = True

    async def refresh(self, asks: Sequence[Ask]) -> Answers:
        self._look()
        self.asked.append([ask.lane for ask in asks])
        done = step(asks, {ask.lane: self.texts.get(ask.lane, UNKNOWN) for ask in asks}, self.clock())
        self.texts |= done.texts
        self.recorded += [changed(row) for row in done.changes]
        return done.answers

    async def called(self) -> set[str]:
        await asyncio.Event().wait()
        return set()

    async def known(self, lanes: Sequence[str]) -> dict[str, Account]:
        self._look()
        found = {lane: decode_account(self.texts[lane], self.clock()) for lane in lanes if lane in self.texts}
        return {lane: account for lane, account in found.items() if account is not None}

    async def changes(self, lanes: Sequence[str], limit: int) -> list[Changed]:
        self._look()
        return [each for each in reversed(self.recorded) if each.lane in lanes][:limit]

    async def tidy(self) -> None:
        self._look()

    def _look(self) -> None:
        if self.away:
            raise SharesAway("closed")
