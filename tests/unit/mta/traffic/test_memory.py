"""What was learnt survives, and fades."""

from dataclasses import replace

import pytest

from mta.traffic.dial import Dial
from mta.traffic.memory import HALF_LIFE, RESUMED, aged, decode, encode
from mta.traffic.pace import FIRST_RATE, Pace
from mta.traffic.shares import Account, Lease
from mta.traffic.tally import Tally

LEARNT = Pace(
    revision=40, since=1000.0, rate=Dial(value=97.0, wall=100.0, trust=2), window=Dial(value=20.0), per_connection=50.0
)


def test_an_account_in_use_comes_back_as_it_was() -> None:
    account = Account(LEARNT, Tally(taken=5), {"one": Lease(5, 10.0, 1010.0, 3)})
    assert decode(encode(account), 1005.0) == account


def test_an_account_that_knows_nothing_comes_back_too() -> None:
    assert decode(encode(Account()), 10.0) == Account()


def test_the_next_wave_begins_just_under_the_wall_with_a_new_round() -> None:
    account = decode(encode(Account(LEARNT)), 1000.0 + 86_400)
    assert account.leases == {}
    assert account.pace.revision == 41
    assert account.pace.rate.value == pytest.approx(RESUMED * 100, rel=0.2)
    assert account.pace.per_connection == 50.0


def test_with_age_a_memory_goes_back_to_where_ignorance_starts() -> None:
    young, old = aged(LEARNT, HALF_LIFE, 0.0), aged(LEARNT, 20 * HALF_LIFE, 0.0)
    assert young.rate.value == pytest.approx((FIRST_RATE * RESUMED * 100) ** 0.5)
    assert old.rate.value == pytest.approx(FIRST_RATE, rel=0.01)
    assert LEARNT.rate.trust > young.rate.trust > old.rate.trust


def test_a_closure_that_has_not_run_out_still_holds() -> None:
    closed = replace(LEARNT, closed_until=90_000.0, trial=True, closed_by="blocked")
    assert decode(encode(Account(closed)), 1000.0 + 80_000).pace.closed_until == 90_000.0
