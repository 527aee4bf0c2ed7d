"""Which egress source a message leaves from."""

from collections.abc import Callable, Sequence
from random import Random

from mta.lane import Source


def choose_source(
    sources: Sequence[Source], site: str, rng: Random, usable: Callable[[Source, str], bool] | None = None
) -> Source:
    """One of the pool's sources by weight: 5, 5 and 1 give 45, 45 and 10 %. Sources that are not `usable` for the site now
    (suspended there, or over their day's part of a ramp) are left out and the others share their part: 83 and 17 %. When
    none is, the choice is among all: the gate will hold what goes there."""
    fit = [source for source in sources if usable(source, site)] if usable else list(sources)
    among = fit or list(sources)
    if len(among) == 1:
        return among[0]
    return rng.choices(among, weights=[source.weight for source in among])[0]
