"""What a lane's signals make of its rule for a time: closed after a block, halved after a refusal. Pure."""

import math
from collections import deque
from dataclasses import dataclass, field

from msgspec.structs import replace

from mta.attempt import Attempt
from mta.traffic.rule import Reaction, Rule
from mta.traffic.signal import Kind, Limit, Signal, by_reaction
from mta.traffic.tally import Stop

SUSPENSION = 1800.0
SLOWNESS = 60.0
"""Seconds, where neither the reply nor a reaction says how long."""

_STEP = 10.0
"""Seconds between two halvings of one limit: what was under way at the first still meets the old limit."""

_LEAST = 1 / 64


@dataclass(slots=True)
class Cut:
    """A limit held at `share` of what it was, until a time."""

    share: float
    since: float
    until: float


@dataclass(slots=True)
class Restraint:
    """A lane's restraint. `speed` in `read` is what the lane sends a second, which a cut of a missing rate starts from."""

    closed_until: float = -math.inf
    not_before: float = -math.inf
    horizon: float | None = None
    hope: float = 1.0
    why: str = ""
    cuts: dict[Limit, Cut] = field(default_factory=dict)
    top_speed: float = math.inf
    seen: dict[Reaction, deque[float]] = field(default_factory=dict)

    def read(self, signal: Signal, text: str, speed: float, now: float) -> Signal:
        """Take a signal in; `text` is the reply, for people. Answers the signal as it holds once reactions that want
        several such replies have been counted."""
        signal = self.counted(signal, now)
        match signal.kind:
            case Kind.SUSPEND:
                self.closed_until = max(self.closed_until, now + (signal.pause or SUSPENSION))
                self.why = f"suspended after: {text}"
            case Kind.SLOW_DOWN if signal.limit is not Limit.NONE:
                self._cut(signal.limit, signal.pause or SLOWNESS, speed, now)
            case _:
                pass
        return signal

    def counted(self, signal: Signal, now: float) -> Signal:
        """The signal, or what its reaction makes of it if this reply makes up the reaction's count."""
        if signal.reaction and self._enough(signal.reaction, now):
            return by_reaction(signal.reaction)
        return signal

    def begun(self, busy: int, now: float) -> None:
        """Nothing has to be kept of an attempt."""

    def settled(self, begun: None, attempt: Attempt, signal: Signal, speed: float, now: float) -> Signal:
        return self.read(signal, attempt.text, speed, now)

    def stopped(self, by: Stop) -> None:
        """Nothing is learnt from it."""

    def in_force(self, rule: Rule, now: float) -> Rule:
        """The rule with its limits as they are now."""
        if rule.fixed or not self.cuts:
            return rule
        self.cuts = {limit: cut for limit, cut in self.cuts.items() if cut.until > now}
        share = {limit: cut.share for limit, cut in self.cuts.items()}
        rate = rule.rate
        if Limit.RATE in share:
            rate = min(rule.rate or math.inf, self.top_speed) * share[Limit.RATE]
        return replace(
            rule,
            connections=max(1, int(rule.connections * share.get(Limit.CONNECTIONS, 1.0))),
            messages_per_connection=max(1, int(rule.messages_per_connection * share.get(Limit.PER_CONNECTION, 1.0))),
            rate=rate,
        )

    def idle(self, now: float) -> bool:
        """Nothing is restrained, and nothing counted."""
        return (
            self.closed_until <= now
            and all(cut.until <= now for cut in self.cuts.values())
            and all(times[-1] + _window(reaction) <= now for reaction, times in self.seen.items())
        )

    def _cut(self, limit: Limit, lasts: float, speed: float, now: float) -> None:
        cut = self.cuts.get(limit)
        if cut is None or cut.until <= now:
            if limit is Limit.RATE:
                self.top_speed = speed
            self.cuts[limit] = Cut(0.5, now, now + lasts)
            return
        cut.until = max(cut.until, now + lasts)
        if now - cut.since >= _STEP:
            cut.share, cut.since = max(cut.share / 2, _LEAST), now

    def _enough(self, reaction: Reaction, now: float) -> bool:
        """Whether this reply is the one that makes up the reaction's count within its window."""
        count = reaction.after[0] if reaction.after else 1
        times = self.seen.setdefault(reaction, deque(maxlen=count))
        times.append(now)
        return len(times) == count and now - times[0] <= _window(reaction)


def _window(reaction: Reaction) -> float:
    return reaction.after[1] if reaction.after else 0.0
