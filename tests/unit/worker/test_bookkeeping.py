"""Counts of unknown replies on their way to the store."""

from collections.abc import Iterable

from feedback.qualifier import Qualifier
from feedback.qualifier.unknown import Decision, Ledger, merged
from feedback.store import StoreAway
from mta.attempt import Attempt, Path, Phase, Refused
from mta.reply import Reply
from tests.samples import NOW
from worker.bookkeeping import Bookkeeping
from worker.reading import Reading


class Kept:
    """A ledger in memory that is away for the first `away` calls."""

    def __init__(self, away: int = 0) -> None:
        self.ledger: Ledger = {}
        self.away = away
        self.closed = False

    async def open(self) -> None:
        if self.away:
            self.away -= 1
            raise StoreAway("not there")

    async def close(self) -> None:
        self.closed = True

    async def add(self, ledger: Ledger) -> None:
        await self.open()
        self.ledger = merged([self.ledger, ledger])

    async def kept(self) -> Ledger:
        return self.ledger

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        return set()

    def counts(self) -> list[int]:
        return [unknown.count for unknown in self.ledger.values()]


def heard(reading: Reading, texts: Iterable[str]) -> None:
    for text in texts:
        ending = Refused(Reply(550, text))
        attempt = Attempt(phase=Phase.RCPT, ending=ending, path=Path(site="s"), began_at=NOW, duration=0.1)
        reading.verdict(attempt, "s", NOW)


async def test_each_flush_adds_what_came_since_the_last() -> None:
    reading, kept = Reading(Qualifier.stock()), Kept()
    bookkeeping = Bookkeeping(reading, kept)
    heard(reading, ["Frobnicated", "Frobnicated"])
    await bookkeeping.flush()
    await bookkeeping.flush()
    heard(reading, ["Frobnicated"])
    await bookkeeping.flush()
    assert kept.counts() == [3]


async def test_a_store_that_is_away_only_delays_the_flush() -> None:
    reading, kept = Reading(Qualifier.stock()), Kept(away=2)
    bookkeeping = Bookkeeping(reading, kept)
    heard(reading, ["Frobnicated"])
    await bookkeeping.flush()
    heard(reading, ["Frobnicated"])
    await bookkeeping.flush()
    assert kept.counts() == []
    await bookkeeping.flush()
    assert kept.counts() == [2]


async def test_what_is_left_at_the_end_is_flushed_before_the_store_is_closed() -> None:
    reading, kept = Reading(Qualifier.stock()), Kept()
    heard(reading, ["Frobnicated"])
    await Bookkeeping(reading, kept).close()
    assert (kept.counts(), kept.closed) == ([1], True)
