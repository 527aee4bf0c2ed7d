"""When a message is tried again: exponential, jittered, capped; a receiver's own "try again in n" holds before it."""

import random
from dataclasses import dataclass

from mta.attempt import Attempt
from mta.traffic.phrases import asked_pause


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
        return min(asked, backoff.longest)
    grown = backoff.first * backoff.factor ** min(max(attempt, 1) - 1, 64)
    return min(grown, backoff.longest) * rng.uniform(1 - backoff.jitter, 1 + backoff.jitter)


def asked_delay(last: Attempt) -> float | None:
    """The seconds that a transient reply asks us to wait, where it does."""
    if last.reply is None or not last.reply.transient:
        return None
    return asked_pause(last.reply.text)
