from collections.abc import AsyncIterator

import pytest

from mta.routing.book import PolicyStore
from tests.services.places import Place
from worker.adapters import opened
from worker.policies.postgres import PostgresPolicies
from worker.policies.sqlite import SqlitePolicies


@pytest.fixture
async def policies(place: Place) -> AsyncIterator[PolicyStore]:
    async with opened(place.reach(PostgresPolicies, SqlitePolicies)) as made:
        yield made


@pytest.fixture
async def others(place: Place, policies: PolicyStore) -> AsyncIterator[PolicyStore]:
    """The same policies in the hands of another process, or of the next one."""
    async with opened(place.reach(PostgresPolicies, SqlitePolicies)) as made:
        yield made
