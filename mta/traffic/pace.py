"""A lane's pace: what the site is thought to allow, and how that changes with what its replies say. Pure.

`advance` is the whole controller: from a pace, a round's evidence and the time to the next pace, with every change told. The
paper beside this file says why it is as it is.
"""

from dataclasses import dataclass, field, replace
from math import ceil, exp, inf

from mta.traffic.dial import (
    CREEP,
    DOUBLE,
    FEW,
    WIDEN,
    Dial,
    Refusals,
    cut_rate,
    cut_window,
    raise_rate,
    raise_window,
    widened,
)
from mta.traffic.rule import Rule, Start
from mta.traffic.tally import Tally, at_least

FIRST_RATE = 2.0
FIRST_WINDOW = 2.0
BRISK_RATE, BRISK_ROUND = 50.0, 0.25
"""The first rate, and the shortest round, where the operator has named the hosts."""
ANY_RATE = 10_000.0
"""Where a lane begins at its ceiling and there is none for the rate."""
LEAST_RATE = 1 / 120

TOLERATED = 0.003
"""The share of refusals for the rate that is no reason to go slower, for it may be anybody's noise."""
TOLERATED_VAGUE = 0.05
"""The same where the reply names no limit."""
VAGUE_FEW, VAGUE_MANY = 10.0, 1.0
"""Messages a second under which such replies take no lane: while they are fewer than half, and when they are more. They may
be about recipients, or about a fault that passes, and then going slower only makes mail late."""

SEARCH_ROUND, SEARCH_TAKEN = 1.0, 8.0
ROUND, ROUND_TAKEN = 10.0, 15.0
LONGEST_ROUND = 300.0
"""A round ends after so many seconds and so many messages taken: shorter while the limit is unknown. A lane that sends
too little for either ends it after the longest, and learns nothing from it."""

MEMORY = 300.0
WORN, SPENT = 0.06, 0.1
"""Seconds over which a site's patience is thought to come back; the share of refusals within them from which nothing is
raised; and from which cuts go deeper."""

BLOCKED_FOR, LONGEST_BLOCK = 1800.0, 4 * 3600.0
AWAY_FOR, LONGEST_AWAY = 5.0, 60.0
AWAY = 5
"""Attempts in a row that did not reach the site before it is left alone."""
TRIAL_TAKEN = 3.0
"""Canaries that must get through before a lane that was closed opens again."""
RESUME = {"blocked": 0.25, "unreachable": 0.7}
"""The share of the old rate at which it does."""
FORGIVEN = 3600.0
"""Seconds open after which the next closure is a first one again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One automatic change, for people and for the record. `why` quotes the reply or the evidence."""

    what: str
    was: float
    becomes: float
    why: str
    at: float
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How many of the attempts of the last minutes the site turned away: many such are what senders are blocked for."""

    taken: float = 0.0
    refused: float = 0.0
    at: float = 0.0

    def heard(self, tally: Tally, now: float) -> "Standing":
        fade = exp(-max(0.0, now - self.at) / MEMORY)
        return Standing(self.taken * fade + tally.taken, self.refused * fade + tally.turned_away, now)

    @property
    def share(self) -> float:
        return self.refused / (self.taken + self.refused) if self.refused else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What a lane may do now, all workers together. `revision` numbers the rounds; `since` is when this one began."""

    revision: int = 0
    since: float = 0.0
    rate: Dial = field(default_factory=lambda: Dial(value=FIRST_RATE))
    window: Dial = field(default_factory=lambda: Dial(value=FIRST_WINDOW))
    per_connection: float = inf
    per_connection_at: float = 0.0
    growth_from: float = 0.0
    heed_from: float = 0.0
    standing: Standing = field(default_factory=Standing)
    closed_until: float = 0.0
    closed_for: float = 0.0
    closed_by: str = ""
    opened_at: float = 0.0
    trial: bool = False

    @property
    def searching(self) -> bool:
        """A limit is still looked for from below."""
        return self.rate.searching or self.window.searching

    def limits(self, rule: Rule) -> tuple[int, float, int]:
        """Connections, messages a second, messages per connection: in force while the lane is not closed. Limits that an
        operator has fixed are these themselves, in a trial too."""
        if rule.fixed:
            return rule.connections, rule.rate or inf, rule.messages_per_connection
        per_connection = int(min(self.per_connection, rule.messages_per_connection))
        if self.trial:
            return 1, min(self.rate.value, 1.0, rule.rate or inf), per_connection
        window = int(min(self.window.value, rule.connections))
        return max(1, window), min(self.rate.value, rule.rate or inf), max(1, per_connection)


def first_pace(rule: Rule, now: float) -> Pace:
    """The pace of a lane that knows nothing."""
    match rule.start:
        case Start.CEILING:
            rate, window = rule.rate or ANY_RATE, float(rule.connections)
        case Start.BRISK:
            rate, window = BRISK_RATE, float(rule.connections)
        case _:
            rate, window = FIRST_RATE, FIRST_WINDOW
    return Pace(since=now, rate=Dial(value=rate, calm_since=now), window=Dial(value=window, calm_since=now))


Step = tuple[Pace, list[Change]]


def advance(pace: Pace, tally: Tally, rule: Rule, now: float, spread: float = 0.0, told: float = 1.0) -> Step | None:
    """The next pace, or None: there is nothing to decide yet. Only attempts begun since `pace.heed_from` may be in the
    tally. `spread`: seconds until every worker has told what it saw, and heard what was decided; 0 for one alone. `told`:
    the share of the lane's rate that the tally is about."""
    if now < pace.closed_until:
        return None
    if turned := _closing(pace, tally, now) or _ending_trial(pace, tally, now):
        return turned
    if rule.fixed:
        return _resting(pace, now)
    return _cutting(pace, tally, now, spread) or _round_over(pace, tally, rule, now, told)


def _next(pace: Pace, now: float, deaf: float = 0.0) -> Pace:
    """A new round; attempts begun in its first `deaf` seconds may still have met the old limits."""
    return replace(pace, revision=pace.revision + 1, since=now, heed_from=now + deaf)


def _resting(pace: Pace, now: float) -> Step | None:
    """While an operator has fixed the limits, what is heard says nothing about the pace's own: it is put away, lest it be
    read as if it did once the pace has its say again."""
    return (_next(pace, now), []) if now - pace.since >= ROUND else None


def _closing(pace: Pace, tally: Tally, now: float) -> Step | None:
    few = 1 if pace.trial else 0
    if tally.blocked and (few or tally.ordered or at_least(tally.blocked, tally.heard) > 0.1):
        return _closed(pace, tally, "blocked", BLOCKED_FOR, LONGEST_BLOCK, now)
    if tally.away >= (1 if few else AWAY):
        return _closed(pace, tally, "unreachable", AWAY_FOR, LONGEST_AWAY, now)
    return None


def _closed(pace: Pace, tally: Tally, by: str, first: float, longest: float, now: float) -> Step:
    again = pace.closed_by == by and (pace.trial or now - pace.opened_at < FORGIVEN) and pace.closed_for > 0
    lasts = max(tally.asked, min(pace.closed_for * 2, longest) if again else first)
    until = now + lasts
    after = replace(
        _next(pace, now),
        closed_until=until,
        closed_for=lasts,
        closed_by=by,
        trial=True,
        rate=_interrupted(pace.rate, now),
    )
    return after, [Change(what="open", was=1, becomes=0, why=f"{by}: {tally.why}", at=now, until=until)]


def _interrupted(dial: Dial, now: float) -> Dial:
    return replace(dial, calm=0.0, calm_since=now, tries=0)


def _ending_trial(pace: Pace, tally: Tally, now: float) -> Step | None:
    if not pace.trial or tally.taken < TRIAL_TAKEN:
        return None
    known = min(pace.rate.value, pace.rate.wall)
    rate = max(RESUME[pace.closed_by] * known, min(known, 1.0))
    dial = replace(pace.rate, value=rate, wall=pace.rate.wall, calm=0.0, calm_since=now, tries=0)
    if dial.searching:
        dial = replace(dial, wall=known)
    after = replace(_next(pace, now), trial=False, rate=dial, opened_at=now)
    return after, [Change(what="rate", was=0, becomes=rate, why=f"{tally.taken:g} messages got through", at=now)]


def _cutting(pace: Pace, tally: Tally, now: float, spread: float) -> Step | None:
    """One cut of whatever was refused, then a new round: what is still under way met the old limits."""
    after, changes = pace, []
    if tally.crowded and now >= tally.crowded_at + spread:
        window = cut_window(pace.window, tally.excess, now)
        after = replace(after, window=window)
        changes.append(_change("connections", pace.window, window, tally, now))
    if tally.ended and tally.used_up < pace.per_connection:
        limit = max(1.0, tally.used_up)
        changes.append(
            Change(what="messages_per_connection", was=pace.per_connection, becomes=limit, why=tally.why, at=now)
        )
        after = replace(after, per_connection=limit, per_connection_at=now)
    if _named(tally) or (tally.ordered and tally.too_fast):
        gone = now - max(pace.since, pace.heed_from)
        enough = 2.0 if pace.rate.value < ANY_RATE else BRISK_ROUND  # such a rate says nothing of what was sent
        flow = 1.1 * tally.heard / gone if gone >= enough and tally.heard >= 20 else inf
        rate = cut_rate(pace.rate, flow, Refusals(tally.too_fast + tally.vague, tally.after, tally.taken), now)
        deeper = 0.5 if tally.heard >= FEW and pace.standing.heard(tally, now).share > SPENT else 1.0
        rate = replace(rate, value=max(rate.value * deeper, LEAST_RATE))
        after = replace(after, rate=rate, growth_from=max(pace.growth_from, now + tally.asked))
        changes.append(_change("rate", pace.rate, rate, tally, now))
    elif (rate := _eased(pace.rate, tally, now)) is not pace.rate:
        after = replace(after, rate=rate, growth_from=max(pace.growth_from, now + tally.asked))
        changes.append(_change("rate", pace.rate, rate, tally, now))
    return (_next(after, now, spread), changes) if changes else None


def _named(tally: Tally) -> bool:
    return at_least(tally.too_fast, tally.taken + tally.too_fast) > TOLERATED


def _eased(rate: Dial, tally: Tally, now: float) -> Dial:
    """The rate after refusals that name no limit: halved at most, and nothing learnt of where the limit is."""
    heard = tally.taken + tally.too_fast + tally.vague
    if tally.vague < 2 or at_least(tally.vague, heard) <= TOLERATED_VAGUE:  # one alone proves no share of a few
        return rate
    share = tally.vague / heard
    value = max(rate.value * max(0.5, 1 - share), VAGUE_FEW if share < 0.5 else VAGUE_MANY)
    return replace(rate.turned(value, now), growth=CREEP, tries=0) if value < rate.value else rate


def _change(what: str, was: Dial, becomes: Dial, tally: Tally, now: float) -> Change:
    return Change(what=what, was=was.value, becomes=becomes.value, why=tally.why, at=now)


def search_round(pace: Pace, rule: Rule) -> float:
    """Seconds: brisk only before the first refusal."""
    brisk = rule.start is Start.BRISK and pace.rate.growth == DOUBLE and not pace.trial
    return BRISK_ROUND if brisk else SEARCH_ROUND


def _round_over(pace: Pace, tally: Tally, rule: Rule, now: float, told: float) -> Step | None:
    if pace.trial:
        return None
    gone = now - max(pace.since, pace.heed_from)
    searching = (pace.rate.searching and tally.bound_by_rate) or (pace.window.searching and tally.bound_by_window)
    least, enough = (
        (search_round(pace, rule), max(SEARCH_TAKEN, 2 * pace.window.value if tally.bound_by_window else 0))
        if searching
        else (ROUND, ROUND_TAKEN)
    )
    mean = tally.kept / tally.heard if tally.heard else 0.0
    if gone < max(least, 2 * mean) or tally.taken < enough:
        return (_next(pace, now), []) if gone >= LONGEST_ROUND else None
    worn = pace.standing.heard(tally, now).share > WORN
    if tally.refused > TOLERATED / 2 * tally.heard or tally.slow > tally.heard / 2 or now < pace.growth_from or worn:
        return _next(pace, now), []
    return _grown(pace, tally, gone * told, rule, now)


def _grown(pace: Pace, tally: Tally, gone: float, rule: Rule, now: float) -> Step:
    """A clean round: more of what was the limit. What was not used to the full is not raised: nothing was learnt of it.
    `gone`: the seconds that all of the lane takes for what the tally counts."""
    rate, window, changes = pace.rate, pace.window, []
    if tally.bound_by_rate:
        rate = raise_rate(rate, tally.taken, tally.heard / gone, rule.rate or inf, now)
    if tally.bound_by_window:
        window = raise_window(window, tally.taken, rule.connections, now)
    elif window.searching and rate.value > pace.rate.value:
        mean = tally.kept / tally.heard
        needed = ceil(rate.value * mean * 1.25) + 1  # Little's law: so many permits are out at that rate
        window = widened(window, min(needed, int(window.value * WIDEN) + 1), rule.connections, now)
    for what, was, becomes in (("rate", pace.rate, rate), ("connections", pace.window, window)):
        if becomes.value != was.value:
            why = f"{tally.taken:g} taken, none refused, and it was the limit"
            changes.append(Change(what=what, was=was.value, becomes=becomes.value, why=why, at=now))
    return replace(_next(pace, now), rate=rate, window=window), changes
