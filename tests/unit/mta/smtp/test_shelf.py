"""Who gets which session: decisions without any connection."""

import asyncio
from dataclasses import dataclass
from typing import cast

from mta.routing.route import Host
from mta.smtp.session import Need, Session
from mta.smtp.shelf import Leave, Shelf, Wish
from mta.traffic.rule import Rule, TlsPolicy

A, B = Host("a.example"), Host("b.example")
PLAIN = Need(None, TlsPolicy.OPPORTUNISTIC, None)
STRICT = Need(None, TlsPolicy.REQUIRED, None)


@dataclass(eq=False)
class Stand:
    """As much of a session as the shelf looks at."""

    host: Host = A
    need: Need = PLAIN
    usable: bool = True
    pipelining: bool = True
    lent: int = 0
    dots: int = 0
    messages: int = 0
    most: int = 100
    idle_since: float = 0.0

    @property
    def follows(self) -> bool:
        return self.lent == self.dots == 1 and self.pipelining and self.usable


def rule(connections: int) -> Rule:
    return Rule(name="test", connections=connections)


def wish(*hosts: Host, need: Need = PLAIN, connections: int = 2, alone: bool = False) -> Wish:
    return Wish(hosts or (A,), need, rule(connections), alone)


def opened(shelf: Shelf, stand: Stand, connections: int = 2) -> Session:
    """Dialled and lent."""
    assert shelf.ask(wish(stand.host, need=stand.need, connections=connections)) == stand.host
    shelf.dialling -= 1
    session = cast(Session, stand)
    shelf.add(session)
    return session


def idle(shelf: Shelf, stand: Stand, connections: int = 2) -> Session:
    session = opened(shelf, stand, connections)
    assert shelf.give_back(session, rule(connections)) == []
    return session


def waiting(shelf: Shelf, wanted: Wish) -> tuple[asyncio.Future[Leave], list[Session]]:
    assert shelf.ask(wanted) is None
    future: asyncio.Future[Leave] = asyncio.get_running_loop().create_future()
    return future, shelf.wait(wanted, future)


def test_the_first_mail_dials_its_first_host() -> None:
    assert Shelf().ask(wish(B, A)) == B


def test_an_idle_session_is_used_before_another_is_opened() -> None:
    shelf = Shelf()
    session = idle(shelf, Stand())
    assert shelf.ask(wish()) is session
    assert shelf.ask(wish()) == A


def test_of_idle_sessions_the_first_hosts_and_the_latest_used_goes_first() -> None:
    shelf = Shelf()
    first, second, backup = opened(shelf, Stand(), 3), opened(shelf, Stand(), 3), opened(shelf, Stand(B), 3)
    for session in (first, second, backup):
        shelf.give_back(session, rule(3))
    assert [shelf.ask(wish(A, B)) for _ in range(3)] == [second, first, backup]


def test_sessions_are_shared_only_by_those_who_need_the_same() -> None:
    shelf = Shelf()
    idle(shelf, Stand())
    assert shelf.ask(wish(need=STRICT)) == A


def test_a_dead_session_is_not_lent() -> None:
    shelf = Shelf()
    cast(Stand, idle(shelf, Stand())).usable = False
    assert shelf.ask(wish()) == A


def test_what_is_dialled_and_what_is_leaving_counts_as_open() -> None:
    shelf = Shelf()
    assert shelf.ask(wish()) == A
    session = opened(shelf, Stand())
    assert shelf.ask(wish()) is None
    cast(Stand, session).usable = False
    assert shelf.give_back(session, rule(2)) == [session]
    assert shelf.ask(wish()) is None
    shelf.leaving -= 1
    assert shelf.ask(wish()) == A


def test_a_session_ends_with_its_last_message_and_when_the_limit_has_sunk() -> None:
    shelf = Shelf()
    worn, spare = opened(shelf, Stand(most=1)), opened(shelf, Stand())
    assert shelf.give_back(worn, rule(2)) == [worn]
    assert shelf.give_back(spare, rule(1)) == [spare]


async def test_when_the_lane_is_full_a_mail_goes_behind_a_dot() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand(), 1)
    future, _ = waiting(shelf, wish(connections=1))
    session.dots = 1
    shelf.note_ahead(session)
    shelf.answer()
    assert future.result() is session
    assert session.lent == 2
    assert shelf.ask(wish(connections=1)) is None  # one behind is enough


async def test_no_mail_goes_behind_a_dot_while_there_is_room() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand())
    session.dots = 1
    shelf.note_ahead(session)
    assert shelf.ask(wish()) == A


async def test_a_mail_that_would_be_alone_goes_behind_nobody() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand(), 1)
    session.dots = 1
    shelf.note_ahead(session)
    assert shelf.ask(wish(connections=1, alone=True)) is None


async def test_a_session_that_was_followed_can_be_followed_again_when_the_second_mail_did_not_begin() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand(), 1)
    session.dots = 1
    shelf.note_ahead(session)
    assert shelf.ask(wish(connections=1)) is session
    assert shelf.give_back(session, rule(1)) == []
    assert shelf.ask(wish(connections=1)) is session


async def test_nobody_follows_past_the_messages_of_a_connection() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand(most=1), 1)
    session.dots = 1
    shelf.note_ahead(session)
    assert shelf.ask(wish(connections=1)) is None


async def test_those_who_wait_are_served_in_their_order() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand(), 1)
    first, _ = waiting(shelf, wish(connections=1))
    second, _ = waiting(shelf, wish(connections=1))
    shelf.give_back(session, rule(1))
    shelf.answer()
    assert first.result() is session
    assert not second.done()


async def test_whoever_was_cancelled_is_passed_over() -> None:
    shelf = Shelf()
    session = opened(shelf, Stand(), 1)
    first, _ = waiting(shelf, wish(connections=1))
    second, _ = waiting(shelf, wish(connections=1))
    first.cancel()
    shelf.give_back(session, rule(1))
    shelf.answer()
    assert second.result() is session


async def test_an_idle_session_to_another_host_makes_room_and_counts_until_it_is_closed() -> None:
    shelf = Shelf()
    other = idle(shelf, Stand(B), 1)
    future, closing = waiting(shelf, wish(A, connections=1))
    assert closing == [other]
    shelf.answer()
    assert not future.done()
    shelf.leaving -= 1
    shelf.answer()
    assert future.result() == A


async def test_no_more_idle_sessions_are_closed_than_mails_are_waiting() -> None:
    shelf = Shelf()
    one, two = opened(shelf, Stand(B)), opened(shelf, Stand(B))
    shelf.give_back(one, rule(2))
    shelf.give_back(two, rule(2))
    _, closing = waiting(shelf, wish(A))
    assert closing == [one]
    _, closing = waiting(shelf, wish(A))
    assert closing == [two]


def test_what_was_idle_too_long_is_taken_out() -> None:
    shelf = Shelf()
    old, young = opened(shelf, Stand(idle_since=1.0)), opened(shelf, Stand(idle_since=5.0))
    for session in (old, young):
        shelf.give_back(session, rule(2))
    assert shelf.expired(4.0) == [old]
    assert shelf.idle == [young]
    assert shelf.leaving == 1


def test_a_session_that_retires_is_closed_at_once_if_it_is_idle_and_otherwise_when_it_is_given_back() -> None:
    shelf = Shelf()
    busy, spare = opened(shelf, Stand()), opened(shelf, Stand())
    shelf.give_back(spare, rule(2))
    assert shelf.retire(spare) == [spare]
    assert shelf.retire(busy) == []
    busy.most = 0
    assert shelf.give_back(busy, rule(2)) == [busy]
