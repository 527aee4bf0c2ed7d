"""What is known of a world: what the campaign published, and everything that happened."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.world.broker import Broker
from tests.world.receivers import Fate
from tests.world.store import Store


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened: loop's time, wall clock, in which process, to what."""

    at: float
    wall: float
    process: str
    what: str
    which: str
    about: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What the campaign published under one id, first publication."""

    job_id: str
    rcpt_to: str
    delivery_id: str
    on_doubt: Literal["retry", "fail", "assume_sent"]
    not_before: float | None
    expires_at: float | None
    test: bool
    readable: bool = True
    possible: bool = True
    fate: Fate = "fine"


@dataclass(slots=True)
class Story:
    """All that is known of a world when it is over; the oracle judges by it."""

    seed: int
    jobs: dict[str, Job] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    troubles: list[tuple[float, float]] = field(default_factory=list)
    clock: list[tuple[float, float]] = field(default_factory=list)  # from when on the wall clock is how far off
    connections: dict[str, int] = field(default_factory=dict)  # each site's limit
    sites: dict[str, str] = field(default_factory=dict)  # of each domain
    faults: Counter[str] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)  # what was seen to be wrong while it went on
    store: Store | None = None
    broker: Broker | None = None
    ended_at: float = 0.0
    steps: int = 0
