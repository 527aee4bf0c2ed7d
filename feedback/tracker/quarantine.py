"""When an address is put in quarantine: at once for a hard error, after several soft ones. Pure.

The verdict is a function of the facts and not of the order in which they were heard: errors and successes are laid out by
their own times and gone through from the earliest.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from feedback.qualification import Reason
from feedback.tracker.message import Bounce

DAY = 86400.0
SOFT_ERRORS = 5
APART = DAY
"""Errors closer than this to the last one counted are not counted."""
FORGIVEN = 10 * DAY
"""Without an error for this long, the counter starts again."""
FULL_MAILBOX = 30 * DAY
"""How long a quarantine for a full mailbox lasts; any other has no end."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """An address not to be written to from `since` on, until `until` (None: without end), and the delivery that did it."""

    address: str
    since: float
    until: float | None
    type: str
    reason: int
    delivery_id: str

    def in_force(self, now: float) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(slots=True)
class _Counter:
    """The errors counted so far."""

    errors: int = 0
    counted_at: float = float("-inf")
    error_at: float = float("-inf")

    def count(self, at: float) -> int:
        if at - self.error_at > FORGIVEN:
            self.errors, self.counted_at = 0, float("-inf")
        self.error_at = at
        if at - self.counted_at >= APART:
            self.errors, self.counted_at = self.errors + 1, at
        return self.errors


def judge(bounces: Iterable[Bounce], successes: Iterable[float], limit: int = SOFT_ERRORS) -> Quarantine | None:
    """The quarantine that one address's errors and the times of its successes lead to; the last, if several followed."""
    facts: list[tuple[float, int, str, Bounce | None]] = [(b.at, 0, b.event_id, b) for b in bounces]
    facts += [(at, 1, "", None) for at in successes]
    verdict: Quarantine | None = None
    counter = _Counter()
    for at, _, _, error in sorted(facts, key=lambda fact: fact[:3]):
        if verdict is not None and verdict.in_force(at):
            continue
        if error is None:
            counter = _Counter()
        elif error.type == "hard" or counter.count(at) >= limit:
            verdict, counter = _quarantine(error), _Counter()
    return verdict


def verdicts(bounces: Iterable[Bounce], successes: Iterable[tuple[str, float]]) -> list[Quarantine]:
    """The quarantines of many addresses, from all their errors and successes, in the order of the addresses."""
    errors: dict[str, list[Bounce]] = {}
    for error in bounces:
        errors.setdefault(error.address, []).append(error)
    reached: dict[str, list[float]] = {}
    for address, at in successes:
        reached.setdefault(address, []).append(at)
    judged = (judge(errors[address], reached.get(address, ())) for address in sorted(errors))
    return [verdict for verdict in judged if verdict is not None]


def _quarantine(error: Bounce) -> Quarantine:
    until = error.at + FULL_MAILBOX if error.reason == Reason.MAILBOX_FULL else None
    return Quarantine(error.address, error.at, until, error.type, error.reason, error.delivery_id)
