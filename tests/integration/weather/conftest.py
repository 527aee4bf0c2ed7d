from collections.abc import AsyncIterator

import pytest

from feedback.weather import Almanac
from feedback.weather.postgres import PostgresAlmanac
from feedback.weather.sqlite import SqliteAlmanac
from tests.services.places import Place
from worker.adapters import opened


@pytest.fixture
async def almanac(place: Place) -> AsyncIterator[Almanac]:
    async with opened(place.reach(PostgresAlmanac, SqliteAlmanac)) as made:
        yield made


@pytest.fixture
async def other(place: Place, almanac: Almanac) -> AsyncIterator[Almanac]:
    """The same almanac in the hands of another worker, or of the next one."""
    async with opened(place.reach(PostgresAlmanac, SqliteAlmanac)) as made:
        yield made
