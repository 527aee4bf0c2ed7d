"""A lane's limits shared by all workers: leases that never add up to more than the lane may have. Pure.

Each worker says what it wants and what it has learnt, and is told what it has, until when. What another worker still holds
is not given away before that worker gives it back or its lease runs out; so the sum of grants is never over the limit in
force when they were made, and after a cut it falls to the new one within one lease.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, inf

from mta.traffic.pace import Change, Pace, advance, first_pace, search_round
from mta.traffic.rule import Rule
from mta.traffic.tally import Tally

LEASE = 10.0
"""Seconds a grant holds without being renewed: as long as a dead worker's part lies idle, and a live one lasts when the
store is away."""

REFRESH, LEISURE = 1.0, 3.0
"""Seconds between two refreshes of a lane that is busy; and of one whose limits keep nobody waiting."""

HURRY, SPREAD = 0.1, 0.25
"""Seconds that bad news may wait for company before a worker refreshes out of turn; and in which such news from all workers
is in, and a change is known to all."""

LEAST_TOLD = 0.25
"""The share of what was granted that evidence is at least believed to be about: what nobody told of is a guess."""

SLIVER = 0.1
"""Of the rate that is due to a worker: less than that is nothing."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's part: connections, and messages a second. `wants` is in connections."""

    window: int
    rate: float
    until: float
    wants: int


NO_LEASE = Lease(0, 0.0, -inf, 0)


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says at a refresh. `wants`: messages it has for the lane. `heard` is its evidence since the last
    one, about the round `revision`; `holds`: the lease it has, which it goes on with until it hears the answer, and which
    tells a store that has lost its own record; `open`: connections it has open, which it cannot close at once if its lease
    shrinks."""

    worker: str
    wants: int
    revision: int
    heard: Tally
    holds: Lease = NO_LEASE
    open: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What a refresh answers: the pace in force, this worker's lease, and the changes that were made on the way. `short`:
    others hold most of what is due to this worker, and may have no use for it any more."""

    pace: Pace
    lease: Lease
    changes: tuple[Change, ...] = ()
    short: bool = False


@dataclass(slots=True)
class Account:
    """A lane's row: its pace, this round's evidence, and the leases out. `learning_until`: after the store has lost its
    memory, only what workers say they hold is granted until every old lease has run out. `told`: the workers whose evidence
    it is."""

    pace: Pace = field(default_factory=Pace)
    tally: Tally = field(default_factory=Tally)
    leases: dict[str, Lease] = field(default_factory=dict)
    learning_until: float = -inf
    told: set[str] = field(default_factory=set)

    def refresh(self, report: Report, rule: Rule, now: float) -> Grant:
        """Hear a worker, decide what can be decided, renew its lease. With the row locked this is one step, so a round of
        evidence changes the pace once, whoever brings the last of it."""
        self.hear(report)
        spread = SPREAD if len(self.leases) > 1 else HURRY
        # In a brisk search a round is over before more than one worker has told of it.
        told = self.told_share(now) if search_round(self.pace, rule) <= SPREAD else 1.0
        pace, changes = advance(self.pace, self.tally, rule, now, spread, told) or (self.pace, [])
        if pace is not self.pace:
            self.pace, self.tally, self.told = pace, Tally(), set()
        window, rate, _ = pace.limits(rule)
        lease, short = self.grant(report, (window, rate), now)
        return Grant(pace, lease, tuple(changes), short)

    def hear(self, report: Report) -> None:
        """Evidence about an earlier round is about limits that no longer hold: only the count of refusals is kept."""
        if report.revision == self.pace.revision:
            self.tally.add(report.heard)
            self.told.add(report.worker)
        else:
            self.tally.late += report.heard.turned_away

    def told_share(self, now: float) -> float:
        """The share of the rate that is out which this round's evidence is about."""
        rates = {worker: lease.rate for worker, lease in self.leases.items() if lease.until > now}
        out = sum(rates.values())
        return max(LEAST_TOLD, sum(rates.get(worker, 0.0) for worker in self.told) / out) if out else 1.0

    def grant(self, report: Report, limits: tuple[int, float], now: float) -> tuple[Lease, bool]:
        """Renew this worker's lease within `limits` (connections and rate of the whole lane); whether it is short of it."""
        for worker in [name for name, lease in self.leases.items() if lease.until <= now]:
            del self.leases[worker]
        held = self.leases.pop(report.worker, report.holds if report.holds.until > now else NO_LEASE)
        others = self.leases.values()
        if now < self.learning_until:
            lease, short = Lease(held.window, held.rate, now + LEASE, report.wants), False
        else:
            lease, short = _share(report.wants, limits, list(others), now)
        # What it has to close first counts until its next report, and so does what it may have opened before it hears this.
        still = max(lease.window, min(held.window, max(report.open, report.holds.window)))
        if still or report.wants:
            self.leases[report.worker] = replace(lease, window=still)
        return lease, short


def opened(report: Report, rule: Rule, now: float, *, lost: bool = False) -> Account:
    """The account of a lane that the store knows nothing of. Where it must have known something (`lost`, or the worker holds
    a lease of it), only what workers say they hold is granted until every old lease has run out."""
    learning = lost or report.holds.until > now
    return Account(first_pace(rule, now), learning_until=now + LEASE if learning else -inf)


def _share(wants: int, limits: tuple[int, float], others: list[Lease], now: float) -> tuple[Lease, bool]:
    """What is due to it, at most what is free; whether that is less than half of what is due. A rate too low to be divided
    goes to a few workers whole. Whoever has connections has a part of the rate, too, when the others have given theirs back,
    and one is kept for whoever comes next, lest he have connections and nothing to send by them; but not for more than whole
    connections will do for, lest it be nobody's. A sliver of it, which would only have jobs told of a turn far away, is kept
    back until then."""
    window, rate = limits
    holders = [lease for lease in others if lease.window]
    nothing = Lease(0, 0.0, now + LEASE, wants)
    most = max(1.0, rate * LEASE / 2)
    if not wants or len(holders) >= most:
        return nothing, False
    free = window - sum(lease.window for lease in others)
    fair = max(1, ceil(due(window, wants, [lease.wants for lease in others])))
    room = int(min(most - len(holders), ceil(free / fair))) - 1
    coming = sorted((lease.wants for lease in others if not lease.window), reverse=True)[: max(0, room)]
    mine = max(0, min(fair, free, wants))
    part = due(rate, wants, [*(lease.wants for lease in holders), *coming])
    free_rate = max(0.0, rate - sum(lease.rate for lease in others))
    short = 2 * mine < min(fair, wants) or 2 * free_rate < part
    if not mine:
        return nothing, short
    given = min(part, free_rate) if free_rate >= SLIVER * part else 0.0
    return Lease(mine, given, now + LEASE, wants), short


def due(limit: float, wants: int, others: Sequence[int]) -> float:
    """A worker's part of a limit, beside `others` by what they want: whoever wants little has that, the others as much as each
    other, and what nobody wants is shared in proportion. So a worker with its first two messages for a site is not left with
    the share of two in ten thousand."""
    wanted = wants + sum(others)
    if wanted <= limit:
        return limit * wants / wanted
    left, parts = limit, len(others) + 1
    for less in sorted(others):
        if less >= min(wants, left / parts):
            break
        left, parts = left - less, parts - 1
    return min(wants, left / parts)


@dataclass(frozen=True, slots=True)
class Ask:
    """One lane's part of a refresh."""

    lane: str
    report: Report
    rule: Rule


@dataclass(slots=True)
class Ledger:
    """Accounts in memory: for one process, for the simulator, for tests."""

    accounts: dict[str, Account] = field(default_factory=dict)

    def refresh(self, ask: Ask, now: float) -> Grant:
        account = self.accounts.get(ask.lane)
        if account is None:
            account = self.accounts[ask.lane] = opened(ask.report, ask.rule, now)
        return account.refresh(ask.report, ask.rule, now)
