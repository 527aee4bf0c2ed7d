"""What changes in counts of messages when messages change. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from feedback.tracker.message import Message

P = TypeVar("P")


def moved(places: Callable[[Message], Iterable[P]], old: Mapping[str, Message], new: Iterable[Message]) -> Counter[P]:
    """What has to be added to each count, or taken from it, when messages become others. `places`: where one is counted."""
    moves: Counter[P] = Counter()
    for message in new:
        known = old.get(message.job_id)
        to, origin = tuple(places(message)), () if known is None else tuple(places(known))
        if to != origin:  # as most repeats are
            moves.update(to)
            moves.subtract(origin)
    return Counter({where: by for where, by in moves.items() if by})
