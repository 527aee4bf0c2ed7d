"""When messages came to stand as they do, counted by short steps of time: what a delivery's course is drawn from. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from feedback.tracker import moves
from feedback.tracker.message import Message

STEP = 10
"""Seconds that messages are counted together for."""


class Tick(NamedTuple):
    """A step of time that begins `at` (POSIX seconds), and what happened in it: messages came to stand so, by their newest
    event, or were `taken` (accepted)."""

    delivery_id: str
    at: float
    standing: str


def ticks(message: Message) -> Iterator[Tick]:
    """Where a message is counted; an SMTP test is not."""
    if message.test:
        return
    yield Tick(message.delivery_id, _step(message.at), message.standing)
    if message.accepted_at is not None:
        yield Tick(message.delivery_id, _step(message.accepted_at), "taken")


def moved(old: Mapping[str, Message], new: Iterable[Message]) -> Counter[Tick]:
    """What has to be added to each tick, or taken from it, when messages move from one to another."""
    return moves.moved(ticks, old, new)


def _step(at: float) -> float:
    return float(at // STEP * STEP)
