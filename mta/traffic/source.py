"""Which egress source a message leaves from."""

from collections.abc import Sequence
from random import Random

from mta.lane import Source


def choose_source(sources: Sequence[Source], site: str, rng: Random) -> Source:
    """One of the pool's sources by weight: 5, 5 and 1 give 45, 45 and 10 %. `site` is where the message goes: a source
    that may not be used there is left out by whoever calls, and the others share its part."""
    if len(sources) == 1:
        return sources[0]
    return rng.choices(sources, weights=[source.weight for source in sources])[0]
