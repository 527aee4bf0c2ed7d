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


def test_a_source_that_is_not_usable_leaves_its_part_to_the_others() -> None:
    sources = [Source(pool="p", helo="h", address=f"192.0.2.{n}", weight=w) for n, w in ((1, 5), (2, 5), (3, 1))]
    rng = Random(1)
    chosen = Counter(
        choose_source(sources, "site", rng, lambda source, site: source.address != "192.0.2.1").address
        for _ in range(6000)
    )
    assert chosen["192.0.2.1"] == 0
    assert 0.81 < chosen["192.0.2.2"] / 6000 < 0.86


def test_where_no_source_is_usable_the_gate_decides() -> None:
    source = Source(pool="p", helo="h", address="192.0.2.1")
    assert choose_source([source], "site", Random(1), lambda source, site: False) is source
