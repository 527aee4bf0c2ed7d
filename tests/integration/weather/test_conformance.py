"""Every promise of the `Almanac` seam, against both adapters."""

import asyncio
import time

import pytest

from feedback.qualifier.storm import Breaker, Counts, Weather, gathered
from feedback.store import StoreAway
from feedback.weather import Almanac

NOW = float(round(time.time()))
FAIR = Counts(5000, 50)


async def test_nothing_counted_is_no_trouble(almanac: Almanac) -> None:
    assert await almanac.exchange({}, NOW) == {}
    assert await almanac.kept() == {}


async def test_what_is_counted_is_the_weather_of_the_pure_rule(almanac: Almanac) -> None:
    expected = gathered(Weather(), FAIR, NOW, Breaker())
    assert await almanac.exchange({"big": FAIR}, NOW) == {"big": expected}
    expected = gathered(expected, Counts(10, 1), NOW + 60, Breaker())
    assert await almanac.exchange({"big": Counts(10, 1)}, NOW + 60) == {"big": expected}
    assert await almanac.kept() == {"big": expected}


async def test_counts_of_several_workers_are_one_storm(almanac: Almanac, other: Almanac) -> None:
    await almanac.exchange({"big": FAIR}, NOW - 7200)
    for _ in range(2):
        assert (await almanac.exchange({"big": Counts(12, 12)}, NOW))["big"].stormy_since is None
        found = await other.exchange({"big": Counts(12, 12)}, NOW)
    assert found["big"].stormy_since == NOW


async def test_a_storm_elsewhere_is_told_to_who_did_not_ask(almanac: Almanac, other: Almanac) -> None:
    await almanac.exchange({"big": FAIR, "small": FAIR}, NOW - 3600)
    await almanac.exchange({"big": Counts(100, 100), "small": Counts(100, 1)}, NOW)
    assert (await other.exchange({}, NOW)).keys() == {"big"}
    assert (await other.exchange({"third": Counts(1, 0)}, NOW)).keys() == {"big", "third"}


async def test_a_storm_outlives_those_who_saw_it(almanac: Almanac, other: Almanac) -> None:
    await almanac.exchange({"big": FAIR}, NOW - 3600)
    await almanac.exchange({"big": Counts(100, 100)}, NOW)
    await almanac.close()
    assert (await other.kept())["big"].stormy_since == NOW


async def test_workers_that_count_at_once_lose_nothing(almanac: Almanac, other: Almanac) -> None:
    await asyncio.gather(*(one.exchange({"big": Counts(1, 0)}, NOW) for one in (almanac, other) * 20))
    assert (await almanac.kept())["big"].usual == Counts(40, 0)


async def test_sites_that_nobody_has_heard_of_for_a_month_are_forgotten(almanac: Almanac) -> None:
    await almanac.exchange({"old": FAIR}, NOW - 31 * 86400)
    await almanac.exchange({"new": FAIR}, NOW - 29 * 86400)
    await almanac.close()
    await almanac.open()
    assert (await almanac.kept()).keys() == {"new"}


async def test_a_name_that_no_store_can_hold_is_kept_as_far_as_it_can_be(almanac: Almanac) -> None:
    await almanac.exchange({"a\0b": FAIR}, NOW)
    assert (await almanac.kept()).keys() == {"a\ufffdb"}


async def test_a_closed_store_is_away(almanac: Almanac) -> None:
    await almanac.close()
    with pytest.raises(StoreAway):
        await almanac.exchange({"big": FAIR}, NOW)
