"""What signals make of a lane's rule."""

from msgspec.structs import replace

from mta.traffic.restraint import SUSPENSION, Restraint
from mta.traffic.rule import Reaction
from mta.traffic.signal import Kind, Limit, Signal
from tests.unit.mta.traffic.site import RULE

WIDE = replace(RULE, connections=20, rate=100.0)


def read(restraint: Restraint, signal: Signal, now: float = 0.0) -> Signal:
    return restraint.read(signal, "421 text", 80.0, now)


def test_a_block_closes_the_lane_for_half_an_hour_or_as_long_as_it_says() -> None:
    restraint = Restraint()
    read(restraint, Signal(Kind.SUSPEND, Limit.BLOCK))
    assert restraint.closed_until == SUSPENSION
    read(restraint, Signal(Kind.SUSPEND, Limit.BLOCK, 7200.0))
    assert restraint.closed_until == 7200.0
    assert "421 text" in restraint.why


def test_each_refusal_halves_the_limit_it_names_for_its_time() -> None:
    restraint = Restraint()
    read(restraint, Signal(Kind.SLOW_DOWN, Limit.CONNECTIONS, 600.0))
    read(restraint, Signal(Kind.SLOW_DOWN, Limit.PER_CONNECTION, 300.0))
    force = restraint.in_force(WIDE, 1.0)
    assert (force.connections, force.messages_per_connection, force.rate) == (10, 50, 100.0)
    assert restraint.in_force(WIDE, 301.0).messages_per_connection == 100
    assert restraint.in_force(WIDE, 601.0) is WIDE or restraint.in_force(WIDE, 601.0) == WIDE


def test_a_refused_rate_is_halved_from_what_was_sent() -> None:
    restraint = Restraint()
    read(restraint, Signal(Kind.SLOW_DOWN, Limit.RATE))
    assert restraint.in_force(WIDE, 1.0).rate == 40.0
    assert restraint.in_force(replace(WIDE, rate=None), 1.0).rate == 40.0


def test_refusals_of_what_was_under_way_halve_once() -> None:
    restraint = Restraint()
    for now in (0.0, 0.1, 5.0):
        read(restraint, Signal(Kind.SLOW_DOWN, Limit.CONNECTIONS), now)
    assert restraint.in_force(WIDE, 6.0).connections == 10
    read(restraint, Signal(Kind.SLOW_DOWN, Limit.CONNECTIONS), 11.0)
    assert restraint.in_force(WIDE, 12.0).connections == 5


def test_one_connection_is_always_left() -> None:
    restraint = Restraint()
    for now in range(0, 600, 20):
        read(restraint, Signal(Kind.SLOW_DOWN, Limit.CONNECTIONS), float(now))
    assert restraint.in_force(WIDE, 600.0).connections == 1


def test_an_overloaded_server_that_names_no_limit_changes_none() -> None:
    restraint = Restraint()
    read(restraint, Signal(Kind.SLOW_DOWN, Limit.NONE))
    assert restraint.in_force(WIDE, 1.0) is WIDE


def test_a_reaction_waits_for_its_count_within_its_window() -> None:
    reaction = Reaction(match="x", action="suspend", lasts=900.0, after=(3, 60.0))
    signal, restraint = Signal(Kind.NEUTRAL, reaction=reaction), Restraint()
    for now in (0.0, 50.0, 100.0):
        assert read(restraint, signal, now).kind is Kind.NEUTRAL
    assert read(restraint, signal, 105.0).kind is Kind.SUSPEND
    assert restraint.closed_until == 105.0 + 900.0


def test_a_lane_that_still_remembers_something_is_not_idle() -> None:
    restraint = Restraint()
    assert restraint.idle(0.0)
    read(restraint, Signal(Kind.SLOW_DOWN, Limit.RATE))
    assert not restraint.idle(59.0)
    assert restraint.idle(61.0)
