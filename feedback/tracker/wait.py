"""How long sent messages took from acceptance to delivery: counts by milliseconds, rounded, from which percentiles are read.
Pure.

Milliseconds are rounded down to two figures, so that a delivery has some hundred counts for each domain however many messages
it has, counts of domains add up to those of their delivery, and the store can make them anew by the same rule. A percentile is
told as the middle of its step: at most 5 % from the true one, and exact under 100 ms.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from feedback.tracker import moves
from feedback.tracker.message import Message


class Wait(NamedTuple):
    """Messages that are counted together: sent, after about `ms` milliseconds."""

    delivery_id: str
    domain: str
    ms: int


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds from acceptance to delivery that so many percent of the sent messages did not exceed, within 5 %."""

    p50: int
    p90: int
    p99: int


def step(ms: int) -> int:
    """The width of the step that so many milliseconds fall into."""
    return int("1" + "0" * (len(str(ms)) - 2)) if ms >= 100 else 1


ROUNDED = (
    "queued_ms - queued_ms % CAST(substr('1000000000', 1, CASE WHEN queued_ms < 100 THEN 1 ELSE {} - 1 END) AS integer)"
)
"""The beginning of that step in SQL, with the number of `queued_ms`'s digits to be filled in."""


def wait(message: Message) -> Wait | None:
    """Where a message is counted, if it was sent; an SMTP test is not."""
    ms = message.queued_ms
    if message.test or message.standing != "sent" or ms is None:
        return None
    return Wait(message.delivery_id, message.domain, ms - ms % step(ms))


def waited(old: Mapping[str, Message], new: Iterable[Message]) -> Counter[Wait]:
    """What has to be added to each count, or taken from it, when messages move from one to another."""
    return moves.moved(lambda message: filter(None, [wait(message)]), old, new)


def percentiles(counts: Mapping[int, int]) -> Waits | None:
    """From messages by the milliseconds of their step; None: there are none."""
    total = sum(counts.values())
    if not total:
        return None
    ordered = sorted(counts.items())
    return Waits(*(_nearest(ordered, -(-total * share // 100)) for share in (50, 90, 99)))


def _nearest(ordered: Sequence[tuple[int, int]], rank: int) -> int:
    """The value of the message with this rank, from 1."""
    reached = accumulate(messages for _, messages in ordered)
    ms = next(ms for (ms, _), seen in zip(ordered, reached, strict=True) if seen >= rank)
    return ms + step(ms) // 2


def by_domain(counts: Mapping[Wait, int]) -> dict[str, dict[int, int]]:
    """Counts of one delivery, domain by domain."""
    domains: dict[str, dict[int, int]] = {}
    for where, messages in counts.items():
        domains.setdefault(where.domain, {})[where.ms] = messages
    return domains


def together(domains: Iterable[Mapping[int, int]]) -> Counter[int]:
    """The counts of several domains as those of one."""
    sums: Counter[int] = Counter()
    for counts in domains:
        sums.update(counts)
    return sums
