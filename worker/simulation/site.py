"""A receiving site with limits that its senders do not know: what it answers, and when it loses its temper. Pure.

The limits hold for each egress source by itself. The rate is policed by a token bucket that holds ten seconds' worth
(at least three messages) and is not drawn on by what it refuses; every transaction counts, whatever becomes of it.
"""

from collections import deque
from dataclasses import dataclass, field
from random import Random

from mta.attempt import Phase
from mta.reply import Reply
from worker.simulation.scenario import SiteEntry

BURST = 10.0
LEAST_BURST = 3
"""The bucket's depth: in seconds at the limit, and in messages."""

FEW = 20
"""Attempts in the window below which nobody is blocked: a share of less is no share."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply, where it comes and how many round trips later. `reply` None: no connection. `throttled`: refused by a
    hidden limit or block. `closes`: the server hangs up."""

    reply: Reply | None
    phase: Phase
    trips: int
    throttled: bool = False
    closes: bool = False


OPENING, TRANSACTION = 3, 2
"""Round trips: TCP, greeting and EHLO; then the envelope in one write, and the message with its final dot."""

TAKEN = Answer(Reply(250, "2.0.0 Ok: queued"), Phase.BODY, TRANSACTION)
UNKNOWN = Answer(Reply(550, "5.1.1 User unknown"), Phase.RCPT, 1)
GREYLISTED = Answer(Reply(451, "4.7.1 Greylisted, please try again later"), Phase.RCPT, 1)
TRANSIENT = Answer(Reply(451, "4.3.0 Temporary local problem"), Phase.RCPT, 1)
DOWN = Answer(None, Phase.CONNECT, 1, closes=True)
CROWDED = Answer(Reply(421, "4.7.0 Too many concurrent connections from your address"), Phase.BANNER, 2, True, True)
TOO_FAST = Answer(Reply(451, "4.7.1 Sending rate limit exceeded, slow down"), Phase.MAIL, 1, True)
USED_UP = Answer(Reply(421, "4.5.3 Too many messages in this connection"), Phase.MAIL, 1, True, True)
BLOCKED = Answer(Reply(554, "5.7.1 Your client host is blocked"), Phase.BANNER, 2, True, True)
BLOCKED_AT_MAIL = Answer(Reply(554, "5.7.1 Your client host is blocked"), Phase.MAIL, 1, True, True)


@dataclass(slots=True)
class Fate:
    """What is certain about a recipient beforehand, so that every controller meets the same: whether it is unknown, and how
    often it meets a transient error. And when the site first heard of it."""

    unknown: bool
    transient: int = 0
    heard_at: float | None = None


def fate(entry: SiteEntry, dice: Random) -> Fate:
    """The next recipient's."""
    unknown, transient = dice.random() < entry.bad_recipients, 0
    while transient < 20 and dice.random() < entry.transient:
        transient += 1
    return Fate(unknown, transient)


@dataclass(slots=True)
class Entrance:
    """The site as one egress source meets it."""

    entry: SiteEntry
    open: int = 0
    peak: int = 0
    blocks: int = 0
    blocked_until: float = -1.0
    max_connections: int | None = None
    max_rate: float | None = None
    max_per_connection: int | None = None
    _tat: float = -1e9
    _recent: deque[tuple[float, bool]] = field(default_factory=deque)
    _refused: int = 0
    _changed: int = 0

    def __post_init__(self) -> None:
        entry = self.entry
        self.max_connections, self.max_rate = entry.max_connections, entry.max_rate
        self.max_per_connection = entry.max_per_connection

    def keep_up(self, now: float) -> None:
        """Make the changes that are due."""
        while self._changed < len(self.entry.change) and self.entry.change[self._changed].at <= now:
            change = self.entry.change[self._changed]
            self._changed += 1
            for name in change.model_fields_set - {"at"}:
                setattr(self, name, getattr(change, name))

    def down_until(self, now: float) -> float | None:
        """The end of the outage, when there is one."""
        return next((o.at + o.lasts for o in self.entry.down if o.at <= now < o.at + o.lasts), None)

    def connect(self, now: float) -> Answer | None:
        """A refusal, or None: the connection is open (and `open` counts it)."""
        self.keep_up(now)
        if self.entry.down and self.down_until(now) is not None:
            return DOWN
        if self.blocked_until > now:
            return self._counted(BLOCKED, now)
        if self.max_connections is not None and self.open >= self.max_connections:
            return self._counted(CROWDED, now)
        self.open += 1
        self.peak = max(self.peak, self.open)
        return None

    def mail(self, now: float, nth: int, fate: Fate) -> Answer:
        """The answer to the `nth` message on a connection."""
        return self.admit(now, nth) or self.about(now, fate)

    def admit(self, now: float, nth: int) -> Answer | None:
        """The first half of it, at MAIL: a refusal, or None: go on to the recipient."""
        self.keep_up(now)
        if self.entry.down and self.down_until(now) is not None:
            return DOWN
        if self.blocked_until > now:
            return self._counted(BLOCKED_AT_MAIL, now)
        if self.max_per_connection is not None and nth > self.max_per_connection:
            return self._counted(USED_UP, now)
        if self.max_rate is not None and not self._within_rate(now, self.max_rate):
            return self._counted(TOO_FAST, now)
        return None

    def about(self, now: float, fate: Fate) -> Answer:
        """The second half, at RCPT."""
        return self._counted(self._about_recipient(now, fate), now)

    def due(self, now: float) -> float:
        """When the rate lets the next message pass: for the sender that knows everything."""
        if self.max_rate is None:
            return now
        return max(now, self._tat - self._depth(self.max_rate) + 1 / self.max_rate)

    def _within_rate(self, now: float, rate: float) -> bool:
        if now + 1e-9 < self._tat - self._depth(rate) + 1 / rate:
            return False
        self._tat = max(self._tat, now) + 1 / rate
        return True

    @staticmethod
    def _depth(rate: float) -> float:
        return max(BURST, LEAST_BURST / rate)

    def _about_recipient(self, now: float, fate: Fate) -> Answer:
        if self.entry.greylist is not None:
            if fate.heard_at is None:
                fate.heard_at = now
            if now < fate.heard_at + self.entry.greylist and self.entry.greylist > 0:
                return GREYLISTED
        if fate.unknown:
            return UNKNOWN
        if fate.transient:
            fate.transient -= 1
            return TRANSIENT
        return TAKEN

    def _counted(self, answer: Answer, now: float) -> Answer:
        """Count the attempt towards a block, and block when it is the one too many."""
        block = self.entry.block
        if block is None or self.blocked_until > now:
            return answer
        self._recent.append((now, answer.throttled))
        self._refused += answer.throttled
        while self._recent[0][0] <= now - block.over:
            self._refused -= self._recent.popleft()[1]
        many = len(self._recent)
        if answer.throttled and many >= FEW and self._refused > block.throttled_share * many:
            self.blocked_until = now + block.lasts
            self.blocks += 1
            self._recent.clear()
            self._refused = 0
        return answer
