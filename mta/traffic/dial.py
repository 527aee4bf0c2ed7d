"""One number of a pace, turned up and down: the rate, or the window of connections. Pure.

It remembers the wall it last ran into, comes back quickly to just under it, stays there, and tries again beyond it the more
rarely the more often the wall has proved to be where it was.
"""

from dataclasses import dataclass, replace
from math import inf

CALM_MESSAGES = 400.0
CALM_SECONDS = 30.0
MOST_TRUST = 4
"""How long a dial stays under its wall before it tries beyond: both, doubled for each time the wall was met again."""

NEAR = 0.97
BACK = 0.85
STEP = 0.02
PAST = 1.3
"""As shares of the wall: where it is safe to stay; where to fall back to, so that the site's patience grows again; the
steps of a trial; and what must be reached for the wall to be forgotten."""

WIDEN = 1.5
DOUBLE, CREEP = 2.0, 1.15
"""How the window is raised while no wall is known; and the rate, before the first refusal and after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """`wall` is what the site was last found to allow; inf: not known. `calm` counts messages, `calm_since` dates the
    last turn. `tries`: steps of the present trial beyond the wall. `growth`: the factor while there is no wall."""

    value: float
    wall: float = inf
    calm: float = 0.0
    calm_since: float = 0.0
    trust: int = 0
    tries: int = 0
    growth: float = DOUBLE

    @property
    def searching(self) -> bool:
        return self.wall == inf

    def patient(self, now: float) -> bool:
        """Whether it is too early to try beyond the wall."""
        more = 2.0**self.trust
        return self.calm < CALM_MESSAGES * more or now - self.calm_since < CALM_SECONDS * more

    def stay(self, taken: float) -> "Dial":
        return replace(self, calm=self.calm + taken)

    def turned(self, value: float, now: float) -> "Dial":
        return replace(self, value=value, calm=0.0, calm_since=now)


def raise_rate(dial: Dial, taken: float, ceiling: float, now: float) -> Dial:
    """After a round in which the rate was the limit and nothing was refused."""
    if dial.value >= ceiling:
        return dial.stay(taken)
    if dial.searching:
        return dial.turned(min(ceiling, dial.value * dial.growth), now)
    near = NEAR * dial.wall
    if dial.value < near * 0.995 and not dial.tries:
        return dial.turned(min(ceiling, near, dial.value + (near - dial.value) * 0.6), now)
    if not dial.tries and dial.patient(now):
        return dial.stay(taken)
    value = min(ceiling, dial.wall * (1 + STEP * (dial.tries + 1)))
    if value >= PAST * dial.wall:
        return Dial(value=value, calm_since=now, growth=CREEP)
    return replace(dial.turned(value, now), tries=dial.tries + (1 if dial.tries < 6 else 3))


def cut_rate(dial: Dial, flow: float, share: float, now: float) -> Dial:
    """After refusals: `share` of the attempts since the first of them, of `flow` attempts a second."""
    value = min(dial.value, flow)
    if dial.searching and share >= 1:
        return Dial(value=value * 0.3, calm_since=now, growth=CREEP)
    if dial.searching and (dial.growth > CREEP or share > 0.6):
        return Dial(value=value * min(max(1 - share, 0.2), 0.7), calm_since=now, growth=CREEP)
    if dial.searching or value >= 0.85 * dial.wall:
        wall = value * min(max(1 - share, 0.8), 0.99)
        same = not dial.searching and 0.9 < wall / dial.wall < 1.1
        return Dial(value=BACK * wall, wall=wall, calm_since=now, trust=min(dial.trust + 1, MOST_TRUST) if same else 0)
    return Dial(value=value * min(max(1 - share, 0.2), BACK), calm_since=now, growth=CREEP)


def raise_window(dial: Dial, taken: float, ceiling: float, now: float) -> Dial:
    """After a round in which connections were the limit and nothing was refused."""
    if dial.value >= ceiling:
        return dial.stay(taken)
    if dial.searching:
        return dial.turned(float(min(ceiling, max(dial.value + 1, int(dial.value * WIDEN)))), now)
    if not dial.tries and dial.value < dial.wall:
        return dial.turned(min(ceiling, dial.wall), now)
    if not dial.tries and dial.patient(now):
        return dial.stay(taken)
    value = float(min(ceiling, int(dial.wall + max(1.0, 0.02 * dial.wall) * 2**dial.tries)))
    if value >= PAST * dial.wall + 2:
        return Dial(value=value, calm_since=now)
    return replace(dial.turned(value, now), tries=dial.tries + 1)


def cut_window(dial: Dial, excess: float, now: float) -> Dial:
    """After refused connections, `excess` of them over what the site let us have."""
    wall = max(1.0, dial.value - max(1.0, min(excess, dial.value / 2 + 1)))
    same = not dial.searching and wall >= dial.wall
    return Dial(value=wall, wall=wall, calm_since=now, trust=min(dial.trust + 1, MOST_TRUST) if same else 0)
