"""A lane's turns: who may send now, and when it is due for whoever may not. Pure: times are given, in seconds of any
clock that does not go back."""

import math
from dataclasses import dataclass, field

from mta.traffic.rule import Rule

_CATCH_UP = 0.05
"""Seconds a rate may make up for, so that a late timer costs no throughput: over any time `t` at most
`rate * (t + 0.05) + 1` messages go. For rates below 20/s that is one after the other, evenly spaced."""

_OVERHANG = 5.0
"""Seconds that a turn taken at a lower rate may still count for at a higher one."""

_FIRST_GUESS = 0.01
"""Seconds a permit is thought to be kept before anything is known: short, so that a fast server is not throttled."""

_WEIGHT = 0.1
"""Of the latest permit, in the moving average of how long one is kept."""

_HASTE = 4
"""Over an estimated speed, so that a lane that was slow for a moment is not idle for a minute: a job that comes too early
only asks again."""

_EAGER = 1.25
"""The same where the speed is a pace that is being found."""

_FAR = {True: 3600.0, False: 300.0}
"""Seconds ahead that turns are given out for: by a rate, which is certain, and by an estimate, which may be wrong."""


@dataclass(slots=True)
class Places:
    """A queue of jobs that are elsewhere: each is told when its turn is due, one after the other."""

    last: float = -math.inf

    def take(self, start: float, speed: float, far: float) -> float:
        """The next time from `start` on, at `speed` a second; beyond `far` seconds the count begins again, since a job
        that comes too early only asks again, and one that comes too late leaves the lane idle."""
        due = max(self.last, start) + 1 / speed
        self.last = due if due <= start + far else start + min(1 / speed, far)
        return self.last


@dataclass(slots=True)
class Turns:
    """Permits out and the time of the next one, by GCRA: one timestamp makes an exact, smooth rate.

    `beside`: permits for each connection. With two, the next mail is ready when the one before waits for its last reply.
    """

    beside: int = 1
    busy: int = 0
    kept: float = _FIRST_GUESS
    free_at: float = -math.inf  # the theoretical arrival time of the next message
    given: float = 0.0  # the sum of the times at which the permits that are out were given
    latest: float = -math.inf  # when a turn was last asked for, taken or given back
    held: Places = field(default_factory=Places)
    refused: Places = field(default_factory=Places)

    def due(self, rule: Rule, now: float) -> float | None:
        """When the next permit may be given: `now` or later, or None: when one comes back."""
        self.latest = now
        if self.busy >= rule.connections * self.beside:
            return None
        if rule.rate is None:
            return now
        # One permit at a worker's very small part of a rate must not close the lane once the part has grown.
        self.free_at = min(self.free_at, now + _CATCH_UP + max(1 / rule.rate, _OVERHANG))
        return max(now, self.free_at - _CATCH_UP)

    def take(self, rule: Rule, now: float) -> None:
        """Give a permit that is due."""
        self.busy += 1
        self.given += now
        self.latest = now
        if rule.rate is not None:
            self.free_at = max(self.free_at, now) + 1 / rule.rate

    def give_back(self, given: float, now: float, *, used: bool) -> None:
        """Take back a permit that was given at `given`; `used`: something was sent with it."""
        self.busy -= 1
        self.given = self.given - given if self.busy else 0.0
        self.latest = now
        if used:
            self.kept += _WEIGHT * (now - given - self.kept)

    def begin_again(self, rule: Rule, now: float) -> None:
        """Quite other limits hold from now on: turns that were given out by the old ones mean nothing any more."""
        self.held, self.refused = Places(), Places()
        if rule.rate:
            self.free_at = min(self.free_at, now + 1 / rule.rate)

    def speed(self, rule: Rule) -> float:
        """Messages a second that this lane can probably send."""
        by_connections = self._by_connections(rule)
        return by_connections if rule.rate is None else min(rule.rate, by_connections)

    def _by_connections(self, rule: Rule) -> float:
        """A site that never answers gives no permit back to tell how long it keeps them; that those which are out have been
        so for long tells it, too. Of a lane whose permits are all out they have been so for what one is kept, or less."""
        most = max(1, rule.connections) * self.beside
        out = (self.busy * self.latest - self.given) / max(most, self.busy) if self.busy else 0.0
        return most / max(self.kept, out, 0.001)

    def room(self, rule: Rule, patience: float) -> int:
        """How many may wait here: those whose turn probably comes in time."""
        return math.ceil(self.speed(rule) * patience) + rule.connections

    def place(self, rule: Rule, start: float, horizon: float | None = None, hope: float = 1.0) -> float:
        """When one more job should come back that does not wait here, not before `start`. `horizon`: seconds for which the
        rule's limits are believed, where they may rise by themselves; then the rate is an estimate too. `hope`: times the
        present speed that will probably be reached in them."""
        if horizon is not None:
            by_rate = math.inf if rule.rate is None else _EAGER * hope * rule.rate
            return self.held.take(start, min(by_rate, _HASTE * self._by_connections(rule)), horizon)
        return self.held.take(start, self._pull(rule), _FAR[rule.rate is not None])

    def place_refused(self, rule: Rule, start: float, horizon: float | None = None) -> float:
        """The same for one that the site has refused: its pause must not put back those that never went."""
        return self.refused.take(start, self._pull(rule), _FAR[rule.rate is not None] if horizon is None else horizon)

    def _pull(self, rule: Rule) -> float:
        """How many jobs a second to call back: what a rate lets through, and more than an estimate says."""
        return self.speed(rule) * (1 if rule.rate is not None else _HASTE)

    def idle(self, now: float) -> bool:
        """Nothing is under way, and nobody who comes now has to wait for what went before."""
        return self.busy == 0 and self.free_at <= now and self.held.last <= now and self.refused.last <= now
