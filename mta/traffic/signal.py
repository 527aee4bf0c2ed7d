"""What an attempt says about the site's traffic: go on, slow down, stop for a while.

It says nothing about the recipient; that is read elsewhere, from the same attempt. A rule's own reactions go before the
words every server may use, and words before codes.
"""

import re
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Phase, Refused, Trouble
from mta.reply import Reply
from mta.traffic.phrases import asked_pause, heard
from mta.traffic.rule import Reaction, Rule


class Kind(StrEnum):
    CLEAR = "clear"  # the site takes traffic, whatever it thinks of this recipient
    SLOW_DOWN = "slow_down"
    SUSPEND = "suspend"
    UNREACHABLE = "unreachable"
    GREYLISTED = "greylisted"
    NEUTRAL = "neutral"  # says nothing about traffic


class Limit(StrEnum):
    """Which of our habits the site objects to."""

    CONNECTIONS = "connections"
    PER_CONNECTION = "per_connection"
    RATE = "rate"
    BLOCK = "block"
    NONE = "none"


class Signal(Struct, frozen=True):
    """`pause`: seconds the reply asks for, or the reaction's time. `reaction`: the rule's reaction that the reply matched
    but that wants more than one such reply (`after`): it is for the lane to count; `kind` says what this one alone means."""

    kind: Kind
    limit: Limit = Limit.NONE
    pause: float | None = None
    reaction: Reaction | None = None


_ACTIONS = {
    "slow": (Kind.SLOW_DOWN, Limit.RATE),
    "suspend": (Kind.SUSPEND, Limit.BLOCK),
    "reduce_connections": (Kind.SLOW_DOWN, Limit.CONNECTIONS),
    "reduce_per_connection": (Kind.SLOW_DOWN, Limit.PER_CONNECTION),
}
_LOST = {Trouble.UNREACHABLE, Trouble.TIMEOUT, Trouble.LOST}
_BEFORE_MAIL = {Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS}
_LINE = re.compile(r"\s*([245]\d\d)[ -]?(.*)", re.DOTALL)
_ABOUT_THE_ADDRESS = re.compile(r"[45]\.(?:1\.[1-6]|1\.10|2\.[1-4])")
_OVERLOADED = {"4.3.1", "4.3.2", "4.4.5"}
_CLEAR = Signal(Kind.CLEAR)
_NEUTRAL = Signal(Kind.NEUTRAL)


def read_signal(attempt: Attempt, rule: Rule) -> Signal:
    """What the attempt says about the traffic of the lane whose rule this is."""
    match attempt.ending:
        case Delivered():
            return _CLEAR
        case Refused(reply):
            return _of_reply(reply, attempt.phase, rule)
        case Broken(trouble):
            return Signal(Kind.UNREACHABLE) if trouble in _LOST and attempt.phase is not Phase.DNS else _NEUTRAL
        case Doubtful():  # it was reached, and may have taken the message; a dead site shows at the next connection
            return Signal(Kind.SLOW_DOWN)


def signal_of(line: str, phase: Phase, rule: Rule | None = None) -> Signal:
    """The same for a reply line (`421 4.7.0 Try again later`) without an attempt; a line without a code says nothing but
    by its words."""
    found = _LINE.fullmatch(line)
    reply = Reply(int(found[1]), found[2]) if found else Reply(0, line)
    return _CLEAR if reply.positive else _of_reply(reply, phase, rule)


def by_reaction(reaction: Reaction) -> Signal:
    """What a reaction makes of its replies, once there are enough of them."""
    kind, limit = _ACTIONS[reaction.action]
    return Signal(kind, limit, reaction.lasts)


def _of_reply(reply: Reply, phase: Phase, rule: Rule | None) -> Signal:
    line = reply.line
    for reaction in rule.reactions if rule else ():
        if not _compiled(reaction.match).search(line):
            continue
        if reaction.after is None or reaction.after[0] == 1:
            return by_reaction(reaction)
        alone = _by_words(reply, phase)
        # The rule knows better than the words when it is time to suspend; until then, slower will do.
        if alone.kind is Kind.SUSPEND:
            alone = Signal(Kind.SLOW_DOWN, Limit.RATE, alone.pause)
        return replace(alone, reaction=reaction)
    return _by_words(reply, phase)


def _by_words(reply: Reply, phase: Phase) -> Signal:
    pause = None if reply.permanent else asked_pause(reply.text)
    if phrase := heard(reply.line):
        return Signal(Kind(phrase.kind), Limit(phrase.limit), pause)
    if reply.enhanced and _ABOUT_THE_ADDRESS.fullmatch(reply.enhanced):
        return _CLEAR
    return _by_code(reply, phase, pause)


def _by_code(reply: Reply, phase: Phase, pause: float | None) -> Signal:
    if reply.code == 421 or (reply.transient and phase in _BEFORE_MAIL):
        # RFC 5321 section 3.8: the server closes; before MAIL that is about the connection, not about a message.
        return Signal(Kind.SLOW_DOWN, Limit.CONNECTIONS if phase in _BEFORE_MAIL else Limit.NONE, pause)
    if reply.enhanced in _OVERLOADED:
        return Signal(Kind.SLOW_DOWN, Limit.NONE, pause)
    if reply.permanent and phase in _BEFORE_MAIL:
        return Signal(Kind.UNREACHABLE)
    return _NEUTRAL


@lru_cache(maxsize=4096)
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.IGNORECASE)
