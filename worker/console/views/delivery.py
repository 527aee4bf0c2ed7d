"""Deliveries: the list, and one delivery's page. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import msgspec

from feedback.event import Event
from feedback.qualification import Reason
from feedback.tracker.figures import Cell, DomainFigures, Figures, percent, reason_name
from feedback.tracker.wait import Wait, Waits, by_domain, percentiles, together
from worker.console.records import Reach, Standings
from worker.console.views.course import Bin, Course, finish, state

DOMAINS = 50
"""So many domains are shown, the largest first; and the largest half of them, across reasons."""

REASONS = {reason_name(reason): int(reason) for reason in Reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery in the list. `success` and `settled` in percent; `rate` in messages settled a second; times POSIX;
    `finish`: forecast from the rate of the last minutes, None where it cannot be told."""

    delivery_id: str
    state: str
    accepted: int
    sent: int
    failed: int
    cancelled: int
    in_flight: int
    success: float
    settled: float
    rate: float
    began: float | None
    progress: float | None
    finish: float | None


@dataclass(frozen=True, slots=True)
class ReasonRow:
    reason: str
    number: int
    failed: int
    in_flight: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRow(DomainFigures):
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRow:
    """A site's share of a delivery. `site` None: domains of which nothing has been tried yet, so that nobody knows."""

    site: str | None
    domains: int
    accepted: int
    sent: int
    failed: int
    cancelled: int
    in_flight: int
    rate: float
    finish: float | None


@dataclass(frozen=True, slots=True)
class Across:
    """Errors by domain and reason: `counts` of each row follow `reasons`."""

    reasons: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPage:
    """All of one delivery. `step`: seconds of each bin of the course; `waits`: from acceptance to delivery. `waits` and
    `sites` are None while they are being counted."""

    row: DeliveryRow
    not_tried: int
    to_be_retried: int
    step: int
    bins: tuple[Bin, ...]
    waits: Waits | None
    reasons: tuple[ReasonRow, ...]
    domains: tuple[DomainRow, ...]
    more_domains: int
    across: Across
    sites: tuple[SiteRow, ...] | None


def sums(standings: Sequence[Standings]) -> list[Figures]:
    """The figures of all deliveries, without breakdowns."""
    by_delivery: dict[str, Counter[str]] = {}
    for one in standings:
        by_delivery.setdefault(one.delivery_id, Counter())[one.standing] += one.messages
    return [_sums(delivery_id, of) for delivery_id, of in by_delivery.items()]


def _sums(delivery_id: str, of: Counter[str]) -> Figures:
    return Figures(
        delivery_id=delivery_id,
        accepted=of.total(),
        sent=of["sent"],
        failed=of["failed"],
        cancelled=of["cancelled"],
        in_flight=of["accepted"] + of["delayed"],
        success=percent(of["sent"], of.total()),
    )


def row(figures: Figures, went: Course, now: float) -> DeliveryRow:
    settled = figures.accepted - figures.in_flight
    left = figures.in_flight
    return DeliveryRow(
        delivery_id=figures.delivery_id,
        state=state(left, went, now),
        accepted=figures.accepted,
        sent=figures.sent,
        failed=figures.failed,
        cancelled=figures.cancelled,
        in_flight=left,
        success=figures.success,
        settled=percent(settled, figures.accepted),
        rate=went.rate if left else 0.0,
        began=went.began,
        progress=went.progress,
        finish=finish(left, went.rate, now) if left else None,
    )


def listed(rows: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    """Those in flight first, then the newest first."""
    return sorted(rows, key=lambda one: (one.state == "done", -(one.began or 0.0), one.delivery_id))


@dataclass(frozen=True, slots=True)
class Told:
    """What the records say of one delivery; `reaches` count what was settled in the last `lately` seconds, None: they are
    still being counted."""

    figures: Figures
    cells: Mapping[Cell, int]
    went: Course
    reaches: Sequence[Reach] | None
    lately: float
    waits: Mapping[Wait, int] | None


def page(told: Told, now: float) -> DeliveryPage:
    figures, cells, went = told.figures, told.cells, told.went
    standings: Counter[str] = Counter()
    for cell, messages in cells.items():
        standings[cell.standing] += messages
    domains = list(figures.by_domain.items())
    waits = by_domain(told.waits or {})
    return DeliveryPage(
        row=row(figures, went, now),
        not_tried=standings["accepted"],
        to_be_retried=standings["delayed"],
        step=went.step,
        bins=went.bins,
        waits=percentiles(together(waits.values())),
        reasons=_reasons(figures),
        domains=tuple(_domain(name, of, percentiles(waits.get(name, {}))) for name, of in domains[:DOMAINS]),
        more_domains=max(0, len(domains) - DOMAINS),
        across=_across(figures, [name for name, _ in domains[: DOMAINS // 2]]),
        sites=None if told.reaches is None else _sites(told, told.reaches, now),
    )


def _reasons(figures: Figures) -> tuple[ReasonRow, ...]:
    rows = (
        ReasonRow(name, REASONS[name], of.failed, of.in_flight, percent(of.failed + of.in_flight, figures.accepted))
        for name, of in figures.by_reason.items()
        if name in REASONS
    )
    return tuple(sorted(rows, key=lambda one: (-(one.failed + one.in_flight), one.reason)))


def _domain(name: str, of: DomainFigures, waits: Waits | None) -> DomainRow:
    return DomainRow(domain=name, **asdict(of) | {"waits": waits})


def _across(figures: Figures, domains: Sequence[str]) -> Across:
    reasons = tuple(reason for reason, of in figures.by_reason.items() if of.failed or of.in_flight)
    rows = ((name, figures.across[name]) for name in domains if name in figures.across)
    return Across(reasons, tuple((name, tuple(row.get(reason, 0) for reason in reasons)) for name, row in rows))


def _sites(told: Told, reaches: Sequence[Reach], now: float) -> tuple[SiteRow, ...]:
    """Domains put together by the site that their mail went to; those with most left to do first."""
    by_site: dict[str | None, list[tuple[DomainFigures, int]]] = {}
    for reach in reaches:
        if (of := told.figures.by_domain.get(reach.domain)) is not None:
            by_site.setdefault(site_of(reach.example), []).append((of, reach.settled))
    rows = [_site(site, domains, told.lately, now) for site, domains in by_site.items()]
    return tuple(sorted(rows, key=lambda one: (-one.in_flight, -one.accepted, one.site or "")))


def _site(site: str | None, domains: Sequence[tuple[DomainFigures, int]], lately: float, now: float) -> SiteRow:
    left = sum(of.in_flight for of, _ in domains)
    rate = sum(settled for _, settled in domains) / lately if left else 0.0
    return SiteRow(
        site=site,
        domains=len(domains),
        accepted=sum(of.accepted for of, _ in domains),
        sent=sum(of.sent for of, _ in domains),
        failed=sum(of.failed for of, _ in domains),
        cancelled=sum(of.cancelled for of, _ in domains),
        in_flight=left,
        rate=rate,
        finish=finish(left, rate, now) if left else None,
    )


def site_of(event: bytes | None) -> str | None:
    """The site that an event names."""
    if event is None:
        return None
    path = msgspec.json.decode(event, type=Event).path
    return None if path is None else path.site
