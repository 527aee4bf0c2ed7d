"""The quick part of the fault table; `make faults` runs all of it."""

import os
from collections.abc import Iterator
from itertools import count

import pytest

from tests.faults.faults import FAULTS
from tests.faults.ground import Fault, Ground, ground

QUICK = [(fault, transport) for fault in FAULTS for transport in fault.quick]
_numbers = count()


@pytest.fixture(scope="module")
def here() -> Iterator[Ground]:
    if {"CAMPAIGN_MTA_TEST_AMQP_URL", "CAMPAIGN_MTA_TEST_PG_URL"} & os.environ.keys():
        pytest.skip("needs a broker and a database of its own")
    with ground() as standing:
        yield standing


@pytest.mark.parametrize(("fault", "transport"), QUICK, ids=[f"{fault.words}, {way}" for fault, way in QUICK])
def test_nothing_is_lost_and_nothing_is_sent_twice_without_a_word(here: Ground, fault: Fault, transport: str) -> None:
    with here.scene(f"q{next(_numbers)}", transport) as scene:
        fault.run(here, scene)
        verdict = scene.verdict()
    assert not verdict.breaches
    assert (verdict.lost, verdict.final_events) == (0, verdict.jobs)
