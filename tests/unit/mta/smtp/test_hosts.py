"""What is remembered of hosts."""

from mta.routing.route import Host
from mta.smtp.hosts import Hosts

A, B = Host("a.example"), Host("b.example")
HOUR = 3600.0
DAY = 24 * HOUR


def test_hosts_come_in_their_order_while_all_live() -> None:
    assert Hosts().in_order((A, B), 0.0) == (A, B)


def test_a_dead_host_comes_last_for_a_while() -> None:
    hosts = Hosts()
    hosts.died(A, 0.0)
    assert hosts.in_order((A, B), 59.0) == (B, A)
    assert hosts.in_order((A, B), 60.0) == (A, B)


def test_a_host_that_stays_dead_is_avoided_longer_each_time_and_at_most_an_hour() -> None:
    hosts, now = Hosts(), 0.0
    avoided = []
    for _ in range(9):
        hosts.died(A, now)
        start = now
        while hosts.in_order((A, B), now) == (B, A):
            now += 1.0
        avoided.append(now - start)
    assert avoided == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0, 3600.0]


def test_many_who_notice_one_death_count_once() -> None:
    hosts = Hosts()
    for _ in range(50):
        hosts.died(A, 0.0)
    assert hosts.in_order((A, B), 61.0) == (A, B)


def test_a_host_that_lives_again_begins_anew() -> None:
    hosts = Hosts()
    for now in (0.0, 100.0, 400.0):
        hosts.died(A, now)
    hosts.lives(A)
    assert hosts.in_order((A, B), 401.0) == (A, B)
    hosts.died(A, 500.0)
    assert hosts.in_order((A, B), 561.0) == (A, B)


def test_broken_tls_is_remembered_for_three_days() -> None:
    hosts = Hosts()
    hosts.breaks_tls(A, 0.0)
    assert hosts.is_plain(A, 3 * DAY - 1)
    assert not hosts.is_plain(A, 3 * DAY)
    assert not hosts.is_plain(B, 0.0)


def test_the_messages_a_host_takes_are_learnt_for_an_hour() -> None:
    hosts = Hosts()
    hosts.closed_after(A, 20, 0.0)
    assert hosts.most(A, HOUR - 1) == 20
    assert hosts.most(A, HOUR) is None
    assert hosts.most(B, 0.0) is None


def test_a_host_that_closes_without_a_word_is_believed_when_it_does_so_again_at_the_same_number() -> None:
    hosts = Hosts()
    found = []
    for messages in (20, 7, 20, 20):
        hosts.closed_after(A, messages, 0.0, said=False)
        found.append(hosts.most(A, 0.0))
    assert found == [None, None, None, 20]


def test_memory_is_bounded_and_keeps_the_hosts_met_last() -> None:
    hosts = Hosts()
    for number in range(10_001):
        hosts.breaks_tls(Host(f"mx{number}.example"), 0.0)
    assert not hosts.is_plain(Host("mx0.example"), 0.0)
    assert hosts.is_plain(Host("mx1.example"), 0.0)
    assert hosts.is_plain(Host("mx10000.example"), 0.0)
