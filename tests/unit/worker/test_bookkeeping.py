"""What a worker has learnt from replies on its way to the store, and what others have learnt on its way back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from feedback.qualifier import Qualifier
from feedback.qualifier.storm import Breaker, Counts, Weather
from feedback.qualifier.unknown import Decision, Key, Ledger, key_of, merged
from feedback.store import StoreAway
from feedback.weather.row import merged as weather_after
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
        self.decided: dict[Key, Decision] = {}
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

    async def decisions(self) -> dict[Key, Decision]:
        return dict(self.decided)

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        return set()

    def counts(self) -> list[int]:
        return [unknown.count for unknown in self.ledger.values()]


@dataclass
class Written:
    """An almanac in memory that is away while it is said to be."""

    weathers: dict[str, Weather] = field(default_factory=dict)
    away: bool = False

    async def open(self) -> None:
        if self.away:
            raise StoreAway("not there")

    async def close(self) -> None: ...

    async def exchange(self, counts: Mapping[str, Counts], now: float) -> dict[str, Weather]:
        await self.open()
        self.weathers |= weather_after(self.weathers, counts, now, Breaker())
        return {
            site: weather
            for site, weather in self.weathers.items()
            if site in counts or weather.stormy_since is not None
        }

    async def kept(self) -> dict[str, Weather]:
        return dict(self.weathers)


def kept_by(reading: Reading, kept: Kept, written: Written | None = None) -> Bookkeeping:
    return Bookkeeping(reading, kept, written or Written(), lambda: NOW)


def heard(reading: Reading, texts: Iterable[str]) -> None:
    for text in texts:
        ending = Refused(Reply(550, text))
        attempt = Attempt(phase=Phase.RCPT, ending=ending, path=Path(site="s"), began_at=NOW, duration=0.1)
        reading.verdict(attempt, "s", NOW)


async def test_each_flush_adds_what_came_since_the_last() -> None:
    reading, kept = Reading(Qualifier.stock()), Kept()
    bookkeeping = kept_by(reading, kept)
    heard(reading, ["Frobnicated", "Frobnicated"])
    await bookkeeping.flush()
    await bookkeeping.flush()
    heard(reading, ["Frobnicated"])
    await bookkeeping.flush()
    assert kept.counts() == [3]


async def test_a_store_that_is_away_only_delays_the_flush() -> None:
    reading, kept = Reading(Qualifier.stock()), Kept(away=2)
    bookkeeping = kept_by(reading, kept)
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
    await kept_by(reading, kept).close()
    assert (kept.counts(), kept.closed) == ([1], True)


async def test_what_an_operator_decides_holds_from_the_next_flush_on() -> None:
    reading, kept = Reading(Qualifier.stock()), Kept()
    bookkeeping = kept_by(reading, kept)
    heard(reading, ["Frobnicated"])
    await bookkeeping.flush()
    kept.decided[key_of(Reply(550, "Frobnicated"), Phase.RCPT)] = Decision.IGNORE
    await bookkeeping.flush()
    heard(reading, ["Frobnicated"])
    await bookkeeping.flush()
    assert kept.counts() == [1]


async def test_decisions_outlive_the_worker() -> None:
    kept = Kept()
    kept.decided[key_of(Reply(550, "Frobnicated"), Phase.RCPT)] = Decision.IGNORE
    reading = Reading(Qualifier.stock())
    await kept_by(reading, kept).flush()
    heard(reading, ["Frobnicated"])
    assert reading.take_unknown() == {}


def fair(written: Written) -> None:
    written.weathers["s"] = Weather(Counts(100, 1), Counts(500, 5), Counts(5000, 50), NOW)


def stormy(reading: Reading) -> bool:
    return reading.weathers.observe("s", None, NOW).stormy_since is not None


async def test_workers_find_together_a_storm_that_none_finds_alone() -> None:
    written = Written()
    fair(written)
    readings = [Reading(Qualifier.stock()) for _ in range(4)]
    books = [kept_by(reading, Kept(), written) for reading in readings]
    for reading, book in zip(readings, books, strict=True):
        await book.flush()
        heard(reading, ["5.1.1 User unknown"] * 20)
        assert not stormy(reading)
    for book in books * 2:
        await book.flush()
    assert all(map(stormy, readings))


async def test_a_worker_that_starts_in_a_storm_knows_of_it() -> None:
    written = Written({"s": Weather(stormy_since=NOW - 60, at=NOW)})
    reading = Reading(Qualifier.stock())
    await kept_by(reading, Kept(), written).flush()
    assert stormy(reading)


async def test_with_the_store_away_a_worker_goes_by_what_it_has_counted_itself() -> None:
    written = Written(away=True)
    reading = Reading(Qualifier.stock())
    book = kept_by(reading, Kept(), written)
    heard(reading, ["2.2.2 Mailbox full"] * 500)
    heard(reading, ["5.1.1 User unknown"] * 100)
    await book.flush()
    assert stormy(reading)
    written.away = False
    await book.flush()
    assert written.weathers["s"].usual.attempts > 500


async def test_the_others_hear_of_a_rising_storm_at_once() -> None:
    written = Written()
    fair(written)
    reading = Reading(Qualifier.stock())
    book = kept_by(reading, Kept(), written)
    await book.glance()
    before = written.weathers["s"]
    heard(reading, ["5.1.1 User unknown"])
    await book.glance()  # the next flush is not due: the clock stands still
    assert written.weathers["s"] == before
    heard(reading, ["5.1.1 User unknown"] * 3)
    await book.glance()
    assert written.weathers["s"] != before


@pytest.mark.parametrize("later", [3.0, -10.0])
async def test_flushes_are_a_few_seconds_apart_whatever_the_clock_does(later: float) -> None:
    reading, kept, now = Reading(Qualifier.stock()), Kept(), [NOW]
    book = Bookkeeping(reading, kept, Written(), lambda: now[0])
    await book.glance()
    heard(reading, ["Frobnicated"])
    await book.glance()
    assert kept.counts() == []
    now[0] += later
    await book.glance()
    assert kept.counts() == [1]
