from collections import Counter
from random import Random

import pytest

from mta.lane import Source
from mta.traffic.source import choose_source

POOL = [
    Source(pool="p", helo="h", address=f"192.0.2.{number}", weight=weight)
    for number, weight in [(1, 5), (2, 5), (3, 1)]
]


def test_sources_are_used_by_their_weights() -> None:
    rng = Random(1)
    used = Counter(choose_source(POOL, "example.net", rng).name for _ in range(11000))
    assert used["192.0.2.1"] == pytest.approx(5000, rel=0.05)
    assert used["192.0.2.3"] == pytest.approx(1000, rel=0.1)


def test_the_others_share_the_part_of_a_source_left_out() -> None:
    rng = Random(1)
    used = Counter(choose_source(POOL[1:], "example.net", rng).name for _ in range(6000))
    assert used["192.0.2.2"] == pytest.approx(5000, rel=0.05)


def test_a_single_source_needs_no_dice() -> None:
    rng = Random(1)
    before = rng.getstate()
    assert choose_source(POOL[:1], "example.net", rng) is POOL[0]
    assert rng.getstate() == before
