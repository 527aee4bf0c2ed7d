"""A delivery's figures: counted per domain, standing and reason, and added up into what people look at. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from feedback.qualification import Reason
from feedback.tracker import moves
from feedback.tracker.message import Message
from feedback.tracker.wait import Wait, Waits, by_domain, percentiles, together

HARD_SHARE = 2.0
SOFT_SHARE = 10.0
"""Percent from which (hard) or over which (soft) a domain is flagged."""

_SOFT = {
    Reason.INVALID_DOMAIN,
    Reason.UNREACHABLE,
    Reason.ACCOUNT_DISABLED,
    Reason.MAILBOX_FULL,
    Reason.REFUSED,
}


_NONE: Mapping[Wait, int] = MappingProxyType({})


class Cell(NamedTuple):
    """Messages that are counted together. Without a qualification, `reason` is -1 and `type` empty."""

    delivery_id: str
    domain: str
    standing: str
    reason: int
    type: str


@dataclass(frozen=True, slots=True)
class ReasonFigures:
    """Messages whose newest error has one reason: given up, and still to be retried."""

    failed: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class DomainFigures:
    """One domain's share of a delivery.

    `processed`: messages with a result so far. `delivered`, `hard` (user unknown) and `soft` (all other errors with a
    known reason) are percentages of these; `flagged` says that hard or soft is over what a healthy list shows.
    """

    accepted: int
    sent: int
    failed: int
    cancelled: int
    in_flight: int
    processed: int
    delivered: float
    hard: float
    soft: float
    flagged: bool
    waits: Waits | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """One delivery: accepted = sent + failed + cancelled + in_flight; `success` is the percentage sent.

    `waits`: from acceptance to delivery, None while nothing is sent. `across`: messages whose newest error has a reason, by
    domain and by that reason.
    """

    delivery_id: str
    accepted: int
    sent: int
    failed: int
    cancelled: int
    in_flight: int
    success: float
    waits: Waits | None = None
    by_reason: dict[str, ReasonFigures] = field(default_factory=dict)
    by_domain: dict[str, DomainFigures] = field(default_factory=dict)
    across: dict[str, dict[str, int]] = field(default_factory=dict)


def cell(message: Message) -> Cell | None:
    """Where a message is counted; an SMTP test is not."""
    if message.test:
        return None
    reason = -1 if message.reason is None else message.reason
    return Cell(message.delivery_id, message.domain, message.standing, reason, message.type or "")


def changes(old: Mapping[str, Message], new: Iterable[Message]) -> Counter[Cell]:
    """What has to be added to each cell, or taken from it, when messages move from one to another."""
    return moves.moved(lambda message: filter(None, [cell(message)]), old, new)


def figures(cells: Mapping[Cell, int], waits: Mapping[Wait, int] = _NONE) -> list[Figures]:
    """The figures of all deliveries that have any, in the order of their names."""
    waited: dict[str, dict[Wait, int]] = {}
    for wait, messages in waits.items():
        waited.setdefault(wait.delivery_id, {})[wait] = messages
    by_delivery: dict[str, dict[Cell, int]] = {}
    for where, messages in cells.items():
        if messages:
            by_delivery.setdefault(where.delivery_id, {})[where] = messages
    return [_delivery(name, by_delivery[name], by_domain(waited.get(name, _NONE))) for name in sorted(by_delivery)]


def _delivery(delivery_id: str, cells: Mapping[Cell, int], waits: Mapping[str, Mapping[int, int]]) -> Figures:
    sums = _standings(cells)
    return Figures(
        delivery_id=delivery_id,
        accepted=sums.total(),
        sent=sums["sent"],
        failed=sums["failed"],
        cancelled=sums["cancelled"],
        in_flight=sums["accepted"] + sums["delayed"],
        success=percent(sums["sent"], sums.total()),
        waits=percentiles(together(waits.values())),
        by_reason=_by_reason(cells),
        by_domain=_by_domain(cells, waits),
        across=_across(cells),
    )


def _standings(cells: Mapping[Cell, int]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for where, messages in cells.items():
        sums[where.standing] += messages
    return sums


def _by_reason(cells: Mapping[Cell, int]) -> dict[str, ReasonFigures]:
    by_reason: dict[int, dict[Cell, int]] = {}
    for where, messages in cells.items():
        if where.reason >= 0:
            by_reason.setdefault(where.reason, {})[where] = messages
    sums = {reason: _standings(by_reason[reason]) for reason in sorted(by_reason)}
    return {reason_name(reason): ReasonFigures(of["failed"], of["delayed"]) for reason, of in sums.items()}


def _by_domain(cells: Mapping[Cell, int], waits: Mapping[str, Mapping[int, int]]) -> dict[str, DomainFigures]:
    parts: dict[str, dict[Cell, int]] = {}
    for where, messages in cells.items():
        parts.setdefault(where.domain, {})[where] = messages
    domains = {name: _domain(parts[name], percentiles(waits.get(name, {}))) for name in sorted(parts)}
    return dict(sorted(domains.items(), key=lambda item: -item[1].accepted))


def _across(cells: Mapping[Cell, int]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for where, messages in sorted(cells.items()):
        if where.reason >= 0 and where.standing in ("failed", "delayed"):
            found.setdefault(where.domain, Counter())[reason_name(where.reason)] += messages
    return {domain: dict(reasons) for domain, reasons in found.items()}


def _domain(cells: Mapping[Cell, int], waits: Waits | None) -> DomainFigures:
    sums = _standings(cells)
    processed = sums["sent"] + sums["failed"] + sums["delayed"]
    hard = percent(sum(n for where, n in cells.items() if where.reason == Reason.USER_UNKNOWN), processed)
    soft = percent(sum(n for where, n in cells.items() if where.reason in _SOFT), processed)
    return DomainFigures(
        accepted=sums.total(),
        sent=sums["sent"],
        failed=sums["failed"],
        cancelled=sums["cancelled"],
        in_flight=sums["accepted"] + sums["delayed"],
        processed=processed,
        delivered=percent(sums["sent"], processed),
        hard=hard,
        soft=soft,
        flagged=hard >= HARD_SHARE or soft > SOFT_SHARE,
        waits=waits,
    )


def reason_name(reason: int) -> str:
    """A reason in the campaign's words; a number it does not know stays a number."""
    return Reason(reason).name.lower() if reason in Reason.__members__.values() else str(reason)


def percent(part: int, whole: int) -> float:
    """A share in percent, cut after two places: 100 means all of them."""
    return 10_000 * part // whole / 100 if whole else 0.0
