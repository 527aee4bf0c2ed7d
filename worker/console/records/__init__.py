"""What the console reads of the store, and the one thing it writes: who did what here.

`Records` is the seam; `postgres` and `sqlite` are its adapters, held to one conformance suite. Figures come from the
tracker's tables, jobs in hand and workers from the log's. Nothing here ever takes part in the work: no lease, no claim.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol, Self

from feedback.log.row import Row as JobRow
from feedback.tracker.figures import Cell
from feedback.tracker.message import Bounce, Message
from feedback.tracker.quarantine import Quarantine
from feedback.tracker.wait import Wait

DOMAINS = 200
"""So many domains of a delivery are told apart where each costs a look, those with most messages."""


@dataclass(frozen=True, slots=True)
class Standings:
    """How many messages of a delivery stand like this."""

    delivery_id: str
    standing: str
    messages: int


@dataclass(frozen=True, slots=True)
class Beat:
    """So many messages of a delivery came to stand like this within the tick that begins at `tick` (POSIX seconds).

    `standing` is the kind of their newest event, or `taken`: then it is their acceptance that fell there.
    """

    tick: float
    standing: str
    messages: int


@dataclass(frozen=True, slots=True)
class Reach:
    """A domain in a delivery: messages settled since the moment asked about, and the newest event of one that was tried."""

    domain: str
    settled: int
    example: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which messages of a delivery, from which job_id on. None is any."""

    delivery_id: str
    standings: tuple[str, ...] | None = None
    reason: int | None = None
    domain: str | None = None
    after: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """A worker process: when it is taken for dead unless it beats, since when it has beaten without a gap (both None in
    the embedded store, where nobody asks), and the jobs in its hands, `committed` of them past the point of no return."""

    name: str
    alive_until: float | None
    lease: float | None
    steady_since: float | None
    jobs: int
    committed: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store keeps of a lane: its account as text, last written at a time (POSIX seconds)."""

    lane: str
    account: str
    refreshed_at: float


@dataclass(frozen=True, slots=True)
class LaneChange:
    """One automatic change of a lane, as it was recorded. None is without limit."""

    at: float
    lane: str
    what: str
    was: float | None
    becomes: float | None
    why: str
    until: float | None

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """From a row in the order of the fields, in which a limit may be infinite."""
        at, lane, what, was, becomes, why, until = row
        return cls(at, lane, what, _finite(was), _finite(becomes), why, until)


def _finite(number: float | None) -> float | None:
    return None if number == inf else number


@dataclass(frozen=True, slots=True)
class Action:
    """What somebody did at the console. `at` in POSIX seconds; `who` as given at sign-in, `origin` the address it came from."""

    at: float
    who: str
    origin: str
    what: str
    about: str
    detail: str = ""


class Records(Protocol):
    """Every method may raise `StoreAway`."""

    async def open(self) -> None:
        """Bring all schemas that are read up to date."""

    async def close(self) -> None: ...

    async def standings(self) -> list[Standings]:
        """How many messages of each delivery stand where, in the order of their names."""

    async def cells(self, delivery_id: str) -> dict[Cell, int]:
        """The tracker's counters of one delivery."""

    async def beats(self, delivery_id: str) -> list[Beat]:
        """When a delivery's messages came to stand as they do."""

    async def waits(self, delivery_id: str) -> dict[Wait, int]:
        """The tracker's counts of how long one delivery's messages took."""

    async def reaches(self, delivery_id: str, since: float) -> list[Reach]:
        """A delivery's domains, at most `DOMAINS`."""

    async def messages(self, search: Search) -> list[Message]:
        """In the order of their job_ids."""

    async def addressed(self, address: str, limit: int) -> list[Message]:
        """The newest messages to an address, over all deliveries."""

    async def message(self, job_id: str) -> Message | None:
        """As the tracker knows it."""

    async def job(self, job_id: str) -> tuple[JobRow, str | None] | None:
        """As the log knows it, with the name of the worker that has it in hand."""

    async def attempts(self, job_id: str) -> list[bytes]:
        """What the log keeps of a job's attempts, in their order (see `feedback.log.story`)."""

    async def bounces(self, address: str, job_id: str) -> list[Bounce]:
        """The errors of a job that counted for its address's quarantine, the earliest first."""

    async def quarantine(self, address: str) -> Quarantine | None: ...

    async def workers(self) -> list[Crew]:
        """Those signed on, in the order of their names."""

    async def lanes(self) -> list[Kept]:
        """All that are known, in the order of their names."""

    async def changes(self, lanes: Sequence[str] | None, limit: int) -> list[LaneChange]:
        """The last automatic changes of these lanes, or of all, the newest first."""

    async def note(self, action: Action) -> None: ...

    async def actions(self, limit: int) -> Sequence[Action]:
        """What was done here, the newest first."""
