"""Leave for one attempt, and what a gate answers instead."""

from typing import Protocol

from msgspec import Struct

from mta.attempt import Attempt
from mta.lane import Lane
from mta.traffic.rule import Rule


class Permit(Struct, frozen=True, eq=False):
    """Leave for one attempt in a lane; settled exactly once. `rule` is the lane's rule with what the pace makes of it now:
    connections and messages per connection are the limits in force."""

    lane: Lane
    rule: Rule


class Held(Struct, frozen=True):
    """No leave before `until` (POSIX seconds): the job goes back to its queue, no attempt is counted. `why` is for people:
    the limit or rule behind it; `reply`: what the site said last that slowed its lane down or closed it, as far as this
    process heard it."""

    until: float
    why: str
    reply: str | None = None


class Gate(Protocol):
    """Decides who may send when, and learns from what is settled. The worker's only way to send is to ask it."""

    async def ask(self, lane: Lane, rule: Rule, *, transactional: bool, patience: float) -> Permit | Held:
        """Answers at once, or after at most `patience` seconds when leave comes within them. Cancelling is safe."""

    def settle(self, permit: Permit, attempt: Attempt | None) -> float | None:
        """Give the permit back, with the attempt it was used for (None: it was not used). Answers the seconds after which
        a message that the site refused because of our traffic should be tried again; None: the retry schedule decides."""
