"""Policies kept in a store: PostgreSQL and SQLite say the same."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from feedback.store import StoreAway
from mta.routing.book import Kept, PolicyStore
from mta.routing.sts import Mode, StsPolicy

ENFORCED = Kept("example.net", "1", StsPolicy(Mode.ENFORCE, 86_400.0, ("mx.example.net", "*.example.org")), 2000.0)
NONE = Kept("example.com", "a2", StsPolicy(Mode.NONE, 31_557_600.0), 3000.5)


async def test_nothing_is_kept_at_first(policies: PolicyStore) -> None:
    assert list(await policies.kept(0.0, 100)) == []


async def test_what_is_kept_comes_back_as_it_was_the_longest_first(policies: PolicyStore, others: PolicyStore) -> None:
    await policies.keep(ENFORCED)
    await policies.keep(NONE)
    assert list(await others.kept(1000.0, 100)) == [NONE, ENFORCED]
    assert list(await others.kept(1000.0, 1)) == [NONE]


async def test_a_domain_has_one_policy_the_one_kept_last(policies: PolicyStore, others: PolicyStore) -> None:
    await policies.keep(ENFORCED)
    newer = replace(ENFORCED, id="2", policy=StsPolicy(Mode.TESTING, 5.0, ("mx.example.net",)), until=1005.0)
    await others.keep(newer)
    assert list(await policies.kept(1000.0, 100)) == [newer]


async def test_what_has_ended_is_forgotten(policies: PolicyStore) -> None:
    await policies.keep(ENFORCED)
    await policies.keep(NONE)
    assert list(await policies.kept(2000.0, 100)) == [NONE]
    assert list(await policies.kept(0.0, 100)) == [NONE]


async def test_a_store_that_is_away_is_told_when_policies_are_read_and_only_noted_when_one_is_to_be_kept(
    policies: PolicyStore,
) -> None:
    await policies.close()
    with capture_logs() as told:
        await policies.keep(ENFORCED)
    assert [each["event"] for each in told] == ["sts_policy_not_kept"]
    with pytest.raises(StoreAway):
        await policies.kept(0.0, 100)
