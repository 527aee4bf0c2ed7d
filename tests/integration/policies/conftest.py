from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mta.routing.book import PolicyStore
from worker.policies.postgres import PostgresPolicies
from worker.policies.sqlite import SqlitePolicies

Reach = Callable[[], PolicyStore]


@pytest.fixture(params=["postgres", "sqlite"])
def reach(request: pytest.FixtureRequest, tmp_path: Path) -> Reach:
    """Another process's way to the same policies, or the next one's."""
    if request.param == "postgres":
        url = str(request.getfixturevalue("database_url"))
        return lambda: PostgresPolicies(url)
    return lambda: SqlitePolicies(tmp_path / "store.db")


@pytest.fixture
async def policies(reach: Reach) -> AsyncIterator[PolicyStore]:
    made = reach()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def others(reach: Reach, policies: PolicyStore) -> AsyncIterator[PolicyStore]:
    made = reach()
    await made.open()
    yield made
    await made.close()
