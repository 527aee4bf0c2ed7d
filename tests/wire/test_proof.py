"""The proof finds what it is to find."""

from mta.traffic.dial import Dial
from mta.traffic.pace import Pace
from mta.traffic.rule import Rule
from mta.traffic.shares import Account, Lease
from tests.wire.proof import LAG, Event, Proof, Version, prove, read_events

RULE = Rule(name="r", connections=50)


def version(
    at: float, *leases: tuple[int, float], window: int = 4, rate: float = 2.0, lasts: float = 1000.0
) -> Version:
    pace = Pace(rate=Dial(value=rate), window=Dial(value=float(window)))
    held = {str(number): Lease(*lease, at + lasts, 1) for number, lease in enumerate(leases)}
    return Version(at, Account(pace=pace, leases=held))


def sent(start: float, rate: float, seconds: float) -> list[Event]:
    return [Event(start + number / rate, "a", "accepted", 1) for number in range(int(rate * seconds))]


def proved(versions: list[Version], events: list[Event]) -> Proof:
    return prove("a", versions, events, RULE, workers=2)


def test_what_keeps_within_its_grants_is_no_breach() -> None:
    versions = [version(0.0, (2, 1.0)), version(10.0, (2, 1.0), (2, 1.0))]
    events = [Event(20.0, "a", "connect", 4), *sent(20.0, 2.0, 300.0)]
    found = proved(versions, events)
    assert found.breaches == ()
    assert (found.connections, found.grants) == (1, 2)
    assert found.windows > 1000


def test_one_connection_too_many_is_a_breach() -> None:
    assert "5 connections" in proved([version(0.0, (4, 1.0))], [Event(1.0, "a", "connect", 5)]).breaches[0]


def test_a_connection_after_the_lease_has_run_out_is_a_breach_and_one_on_its_way_is_none() -> None:
    versions = [version(0.0, (4, 1.0), lasts=10.0)]
    assert proved(versions, [Event(10.0 + LAG - 0.1, "a", "connect", 4)]).breaches == ()
    assert proved(versions, [Event(10.0 + LAG + 0.1, "a", "connect", 4)]).breaches != ()


def test_sending_faster_than_granted_is_a_breach() -> None:
    found = proved([version(0.0, (4, 2.0))], sent(5.0, 2.4, 120.0))
    assert any("in 60 s" in breach for breach in found.breaches)


def test_messages_that_the_site_refused_count_and_other_sites_do_not() -> None:
    refused = [Event(event.at, "a", "too_fast", 1) for event in sent(5.0, 9.0, 60.0)]
    elsewhere = [Event(event.at, "b", "accepted", 1) for event in sent(5.0, 9.0, 60.0)]
    assert proved([version(0.0, (4, 2.0))], refused).breaches != ()
    assert proved([version(0.0, (4, 2.0))], elsewhere).breaches == ()


def test_a_grant_beyond_the_limits_of_its_pace_is_a_breach_and_leases_from_before_a_cut_are_none() -> None:
    assert proved([version(0.0), version(1.0, (4, 1.0), (1, 1.0))], []).breaches != ()
    assert proved([version(0.0), version(1.0, (4, 1.5), (0, 1.0))], []).breaches != ()
    assert proved([version(0.0, (4, 2.0)), version(1.0, (4, 2.0), window=2, rate=1.0)], []).breaches == ()


def test_a_line_that_is_still_being_written_is_left_out() -> None:
    line = '{"at":1.5,"site":"a","source":"127.0.0.1","what":"connect","connections":1}'
    assert read_events(f"{line}\n{line[:30]}") == [Event(1.5, "a", "connect", 1)]
