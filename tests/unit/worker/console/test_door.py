"""The door: passwords, sessions, and patience with those who guess."""

import pytest

from worker.console.door import ALL_FAILURES, FAILURES, WINDOW, Door, Knocks, Session, Turned, hashed, matches

PASSWORD = "correct horse battery"
HASH = hashed(PASSWORD)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door(HASH, "a-token-of-the-tests", clock)


def test_a_hash_is_salted_and_tells_its_password_from_others() -> None:
    assert hashed(PASSWORD) != HASH
    assert matches(PASSWORD, HASH)
    assert not matches("correct horse", HASH)
    assert not matches("", HASH)
    assert not matches("\ud800", HASH)


async def test_the_right_password_makes_a_session_whose_cookie_is_known_again(door: Door) -> None:
    session = await door.admit("Dana", PASSWORD, "192.0.2.1")
    assert isinstance(session, Session)
    assert door.session(door.cookie(session)) == session


async def test_without_a_hash_no_password_opens(clock: Clock) -> None:
    assert await Door(None, "a-token-of-the-tests", clock).admit("Dana", "", "192.0.2.1") == Turned(0.0)


async def test_a_session_that_was_left_is_over(door: Door) -> None:
    session = await door.admit("Dana", PASSWORD, "192.0.2.1")
    assert isinstance(session, Session)
    door.leave(session)
    assert door.session(door.cookie(session)) is None


def test_no_cookie_of_another_console_or_kind_is_a_session(door: Door, clock: Clock) -> None:
    session = Session("id", "Dana")
    assert door.session(Door(HASH, None, clock).cookie(session)) is None
    assert door.session(door.visit()) is None
    assert door.session(door.form_token("id")) is None
    assert door.session("") is None
    assert door.session(None) is None


def test_a_forms_token_belongs_to_one_session(door: Door) -> None:
    assert door.form_holds("one", door.form_token("one"))
    assert not door.form_holds("other", door.form_token("one"))
    assert not door.form_holds("one", "")
    assert not door.form_holds("", door.visit())


def test_the_token_opens_and_nothing_like_it(door: Door, clock: Clock) -> None:
    assert door.bearer("a-token-of-the-tests") == Session("", "token")
    assert door.bearer("a-token-of-the-test") is None
    assert door.bearer("ä") is None
    assert Door(HASH, None, clock).bearer("") is None


async def test_who_guesses_too_often_waits_and_others_do_not(door: Door, clock: Clock) -> None:
    for _ in range(FAILURES - 1):
        assert await door.admit("Dana", "wrong", "192.0.2.1") == Turned(0.0)
    assert await door.admit("Dana", "wrong", "192.0.2.1") == Turned(WINDOW)
    assert await door.admit("Dana", PASSWORD, "192.0.2.1") == Turned(WINDOW)
    assert isinstance(await door.admit("Eve", PASSWORD, "192.0.2.2"), Session)
    clock.now += WINDOW
    assert isinstance(await door.admit("Dana", PASSWORD, "192.0.2.1"), Session)


def test_guesses_from_many_addresses_count_together() -> None:
    knocks = Knocks()
    for number in range(ALL_FAILURES):
        assert knocks.wait(f"192.0.2.{number}", 0.0) == 0.0
        knocks.failed(f"192.0.2.{number}", float(number))
    assert knocks.wait("198.51.100.1", float(ALL_FAILURES)) == WINDOW - ALL_FAILURES
    assert knocks.wait("198.51.100.1", WINDOW) == 0.0
