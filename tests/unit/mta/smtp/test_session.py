"""What a session says of itself."""

from types import SimpleNamespace
from typing import cast

import pytest

from mta.attempt import Path
from mta.routing.route import Host
from mta.smtp import Offers
from mta.smtp.session import Need, Session
from mta.smtp.wire import Wire
from mta.traffic.rule import TlsPolicy


def session(*, pipelining: bool = True, usable: bool = True) -> Session:
    wire = cast(Wire, SimpleNamespace(usable=usable))
    need = Need(None, TlsPolicy.OPPORTUNISTIC, None)
    return Session(wire, Host("a.example"), need, Path(site="site"), Offers(pipelining=pipelining))


@pytest.mark.parametrize(
    ("pipelining", "usable", "lent", "dots", "follows"),
    [
        (True, True, 1, 1, True),
        (False, True, 1, 1, False),
        (True, False, 1, 1, False),
        (True, True, 1, 0, False),
        (True, True, 2, 1, False),
    ],
    ids=["may follow", "no pipelining", "closed", "no dot yet", "somebody follows"],
)
def test_a_mail_may_follow_one_dot_where_the_server_takes_commands_ahead(
    pipelining: bool, usable: bool, lent: int, dots: int, follows: bool
) -> None:
    made = session(pipelining=pipelining, usable=usable)
    made.lent, made.dots = lent, dots
    assert made.follows is follows


def test_a_session_tells_when_its_dot_has_left() -> None:
    made = session()
    told: list[Session] = []
    made.followed = told.append
    made.dot_left()
    assert told == [made]
