"""When a message is tried again: exponential, jittered, capped; a receiver's own "try again in n" holds before it."""

import random
import re
from dataclasses import dataclass

from mta.attempt import Attempt

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_AGAIN = re.compile(
    r"(?:again|retry|wait|defer\w*|come back)\D{0,40}?(?:in|after|for|at least)?\s*(\d{1,5})\s*(s|m|h)(?:ec|in|our|r)?[a-z]*\b",
    re.IGNORECASE,
)
_SHORTEST = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """`[retry]` of the configuration; `first` and `longest` in seconds, `jitter` a share of the delay."""

    first: float = 300.0
    factor: float = 2.0
    longest: float = 4 * 3600.0
    jitter: float = 0.2


def retry_delay(attempt: int, last: Attempt | None, backoff: Backoff, rng: random.Random) -> float:
    """Seconds from the end of attempt number `attempt` (1 is the first) to the next."""
    if last is not None and (asked := asked_delay(last)) is not None:
        return min(max(asked, _SHORTEST), backoff.longest)
    grown = backoff.first * backoff.factor ** min(max(attempt, 1) - 1, 64)
    return min(grown, backoff.longest) * rng.uniform(1 - backoff.jitter, 1 + backoff.jitter)


def asked_delay(last: Attempt) -> float | None:
    """The seconds that a transient reply asks us to wait, where it does."""
    if last.reply is None or not last.reply.transient:
        return None
    found = _AGAIN.search(last.reply.text)
    return int(found[1]) * _UNITS[found[2].lower()] if found else None
