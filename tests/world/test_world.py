"""The whole worker in simulated worlds: whatever fails, every promise holds; and a broken promise is seen."""

import pytest

from tests.integration.log.stores import NOW, face, ticket
from tests.world.planted import BUGS
from tests.world.runner import hushed, one, seeds_until_caught, some
from tests.world.store import Store, StoreLog

QUICK = 200
MOST = 400
"""Worlds within which a planted bug must show."""


def test_every_promise_holds_in_every_world() -> None:
    total = some(range(QUICK))
    assert total.broken == {}
    assert total.worlds == QUICK
    assert total.doubts > 0  # they are wild enough to leave somebody in doubt


@pytest.mark.parametrize("words", BUGS)
def test_a_planted_bug_is_seen(words: str) -> None:
    assert seeds_until_caught(BUGS[words], MOST) is not None, words


def test_a_seed_tells_the_same_story_again() -> None:
    with hushed():
        first, second = one(7)[0], one(7)[0]
    assert len(first.moments) > 50
    assert first.moments == second.moments


async def test_who_has_just_come_takes_nobody_for_dead_before_a_lease_is_over() -> None:
    """The one thing about the model's store that the log's conformance suite does not ask."""
    now = [0.0]
    store = Store(lambda: now[0])
    dead, heir, job = StoreLog(store, "dead", lease=10.0), StoreLog(store, "heir", lease=0.0), face()
    store.beat("dead", 10.0)
    await dead.claim([ticket(job)], NOW)
    now[0] = 11.0
    store.beat("heir", 10.0)
    now[0] = 20.0
    assert store.alive("heir") == ["dead", "heir"]
    now[0] = 21.0
    assert "dead" not in store.alive("heir")
    assert [type(claim).__name__ for claim in await heir.claim([ticket(job)], NOW)] == ["Fresh"]
