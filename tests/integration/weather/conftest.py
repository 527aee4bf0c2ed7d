from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from feedback.weather import Almanac
from feedback.weather.postgres import PostgresAlmanac
from feedback.weather.sqlite import SqliteAlmanac


@pytest.fixture(params=["postgres", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    if request.param == "postgres":
        return str(request.getfixturevalue("database_url"))
    return tmp_path / "store.db"


def reach(store: str | Path) -> Almanac:
    return PostgresAlmanac(store) if isinstance(store, str) else SqliteAlmanac(store)


@pytest.fixture
async def almanac(store: str | Path) -> AsyncIterator[Almanac]:
    made = reach(store)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def other(store: str | Path, almanac: Almanac) -> AsyncIterator[Almanac]:
    """The same almanac in the hands of another worker, or of the next one."""
    made = reach(store)
    await made.open()
    yield made
    await made.close()
