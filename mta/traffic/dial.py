"""One number of a pace, turned up and down: the rate, or the window of connections. Pure.

It remembers the wall it last ran into, comes back quickly to just under it, stays there, and tries again beyond it the more
rarely the more often the wall has proved to be where it was.
"""

from dataclasses import dataclass, replace
from math import inf

CALM_MESSAGES = 400.0
CALM_SECONDS = 30.0
DOUBT, MOST_TRUST = -2, 3
"""How long a dial stays under its wall before it tries beyond: both, doubled for each time the wall was met again, from a
quarter for a wall that was found in passing."""

NEAR = 0.97
BACK = 0.85
"""As shares of the wall: where it is safe to stay, and where to fall back to, so that the site's patience grows again."""

PROVED, USED, INCH = 2.5, 0.4, 1.05
"""Times what was really sent, to which a search doubles at most; and below which share of the rate in use it goes on by
inches only: jobs come in bursts, and what they left unused has proved nothing."""

STEPS = (1.02, 1.04, 1.06, 1.08, 1.1, 1.12, 1.18, 1.24, 1.3)
BOLD, STRIDE = 3, 1.15
"""A trial beyond the wall, in shares of it; the step that one begins with at a doubtful wall; and how it goes on after the
last: by then the wall is not where it was."""

WIDEN = 1.5
DOUBLE, CREEP = 2.0, 1.25
"""How the window is raised while no wall is known; and the rate, before the first refusal and after it."""

OVERSHOT, SAME = 0.8, 0.85
"""How much of a trial beyond the wall that was refused is thought to be over what the site allows, before its replies are
counted: most of it, for what passed at first passed on credit. And from which share of the old one on a new wall is the
old one met again, however the few refusals of a slow lane fell."""

FEW = 4.0
"""Answers that tell little. A search that was cut before finds no wall in fewer messages taken: the site's credit is still
empty, and bad news is told at once while good news is in no hurry, so that a rate the site allows can look far too high. With
as many refusals it falls as deep as it can."""

DEEP, HALF, EASE = 0.3, 0.5, 0.7
"""What a search keeps of its rate when it is cut again and knows too little to name a wall: when many messages were refused and
few taken, when none was taken, and when some were."""

_PRIOR = 4.0
"""Attempts that what is known already counts for, against those that were just made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """`wall` is what the site was last found to allow; inf: not known; `sure`: what was calm
    before the last step beyond it. `calm` counts messages, `calm_since` dates the
    last turn. `tries`: steps of the present trial beyond the wall. `growth`: the factor while there is no wall.
    `cuts`: how often it was cut since the last clean round."""

    value: float
    wall: float = inf
    sure: float = 0.0
    calm: float = 0.0
    calm_since: float = 0.0
    trust: int = 0
    tries: int = 0
    growth: float = DOUBLE
    cuts: int = 0

    @property
    def searching(self) -> bool:
        return self.wall == inf

    def patient(self, now: float) -> bool:
        """Whether it is too early to try beyond the wall."""
        more = 2.0**self.trust
        return self.calm < CALM_MESSAGES * more or now - self.calm_since < CALM_SECONDS * more

    def stay(self, taken: float) -> "Dial":
        return replace(self, calm=self.calm + taken, cuts=0)

    def turned(self, value: float, now: float) -> "Dial":
        return replace(self, value=value, calm=0.0, calm_since=now, cuts=0)


@dataclass(frozen=True, slots=True)
class Refusals:
    """What a round's attempts say about a rate that was refused: `refused` of them, `after`: taken since the first
    refusal, `taken`: in all."""

    refused: float
    after: float
    taken: float

    def share(self, expected: float, spent: bool) -> float:
        """The share that is refused at this rate, from what was seen and what is `expected`. Before its first refusal a
        site may have lived on credit, so only what came after counts, unless the credit was `spent` before."""
        seen = self.refused if spent else max(0.0, self.refused - 1)
        passed = self.taken if spent else self.after
        return (_PRIOR * expected + seen) / (_PRIOR + seen + passed)


def raise_rate(dial: Dial, taken: float, flow: float, ceiling: float, now: float) -> Dial:
    """After a round of `flow` attempts a second in which the rate was the limit and nothing was refused."""
    if dial.value >= ceiling:
        return dial.stay(taken)
    if dial.searching:
        least = CREEP if flow > USED * dial.value else INCH
        return dial.turned(min(ceiling, dial.value * dial.growth, max(dial.value * least, PROVED * flow)), now)
    near = NEAR * dial.wall
    if dial.value < near * 0.999 and not dial.tries:
        return dial.turned(min(ceiling, near), now)
    if not dial.tries and dial.patient(now):
        return dial.stay(taken)
    tries = max(dial.tries, BOLD) if dial.trust < 0 else dial.tries
    if tries < len(STEPS):
        sure = dial.sure if dial.tries else dial.wall
        return replace(dial.turned(min(ceiling, dial.wall * STEPS[tries]), now), tries=tries + 1, sure=sure)
    value = min(ceiling, dial.value * STRIDE)
    return replace(dial.turned(value, now), wall=value / STRIDE)


def cut_rate(dial: Dial, flow: float, refusals: Refusals, now: float) -> Dial:
    """After refusals, of `flow` attempts a second."""
    value, spent, cuts = min(dial.value, flow), dial.cuts > 0, dial.cuts + 1
    if dial.searching and spent and refusals.taken < FEW:
        keep = DEEP if refusals.refused >= FEW else EASE if refusals.taken else HALF
        return Dial(value=value * keep, calm_since=now, growth=CREEP, cuts=cuts)
    if dial.searching and dial.growth > CREEP:
        keep = min(max(1 - refusals.share(0.5, spent), 0.2), 0.6)
        return Dial(value=value * keep, calm_since=now, growth=CREEP, cuts=cuts)
    known = min(dial.wall, value)
    expected = (1 - known / value) * OVERSHOT if value > 1.001 * known else min(0.1 * cuts, 0.4)
    aftermath = dial.cuts == 1  # the trial has used up what the site lets pass on credit
    sure = dial.sure if aftermath or value > NEAR * dial.sure else 0.0
    wall = max(sure, value * (1 - refusals.share(expected, spent)))
    same = not dial.searching and wall > SAME * dial.wall
    trust = min(dial.trust + 1, MOST_TRUST) if same else DOUBT
    return Dial(value=BACK * wall, wall=wall, sure=sure, calm_since=now, trust=trust, cuts=cuts)


def raise_window(dial: Dial, taken: float, ceiling: float, now: float) -> Dial:
    """After a round in which connections were the limit and nothing was refused."""
    if dial.value >= ceiling:
        return dial.stay(taken)
    if dial.searching:
        return widened(dial, max(dial.value + 1, int(dial.value * WIDEN)), ceiling, now)
    if not dial.tries and dial.value < dial.wall:
        return dial.turned(min(ceiling, dial.wall), now)
    if not dial.tries and dial.patient(now):
        return dial.stay(taken)
    value = float(min(ceiling, int(dial.wall + max(1.0, 0.02 * dial.wall) * 2**dial.tries)))
    if value >= 1.3 * dial.wall + 2:
        return Dial(value=value, calm_since=now)
    return replace(dial.turned(value, now), tries=dial.tries + 1)


def widened(dial: Dial, value: float, ceiling: float, now: float) -> Dial:
    """A window in which no wall is known, at `value`, or as it is if that is no more."""
    value = float(min(ceiling, value))
    return replace(dial.turned(value, now), sure=dial.value) if value > dial.value else dial


def cut_window(dial: Dial, excess: float, now: float) -> Dial:
    """After refused connections, `excess` of them over what the site let us have."""
    wall = max(1.0, dial.value - max(1.0, min(excess, dial.value / 2 + 1)))
    if dial.cuts and dial.sure:
        wall = min(wall, dial.sure)  # one cut was not enough: back to where all was well
    trust = min(dial.trust + 1, MOST_TRUST) if not dial.searching and wall >= dial.wall else 0
    return Dial(value=wall, wall=wall, sure=dial.sure, calm_since=now, trust=trust, cuts=dial.cuts + 1)
