"""A lane's sessions, and who gets which: the decisions of the pool, none of which waits.

In this order a mail gets an idle session to one of its hosts, leave to dial while the lane has room, or the place behind a
mail that waits for the answer to its final dot; else it waits for the first of these. Idle sessions to other hosts are
closed when somebody needs their room, and count until they are.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mta.routing.route import Host
from mta.smtp import Offers
from mta.smtp.session import Need, Session
from mta.traffic.rule import Rule


class Wish(NamedTuple):
    """What a mail can use: a session to one of `hosts`, the first rather than the last. `alone`: not behind another's."""

    hosts: Sequence[Host]
    need: Need
    rule: Rule
    alone: bool = False


class Closing:
    """The pool closes; no leave is given any more."""


Leave = Session | Host | Closing
"""A session to use, a host to dial, or neither."""


@dataclass(slots=True, eq=False)
class Shelf:
    """One lane's. Sessions returned by `answer`, `give_back` and their like are to be closed by the caller, who then tells
    `closed` when each socket is."""

    idle: list[Session] = field(default_factory=list)  # the longest idle first
    ahead: list[Session] = field(default_factory=list)  # may be followed, the longest waiting first
    lent: int = 0
    dialling: int = 0
    leaving: int = 0
    offers: Offers | None = None  # of the session opened last: what the next will most likely offer
    waiting: list[tuple[Wish, asyncio.Future[Leave]]] = field(default_factory=list)
    most: float = math.inf  # connections that may be kept, whatever a mail's rule says that was lent one before

    @property
    def open(self) -> int:
        return len(self.idle) + self.lent + self.dialling + self.leaving

    def ask(self, wish: Wish) -> Leave | None:
        """The leave for a wish; None: wait."""
        if found := self._idle(wish):
            return found
        if self.open < min(wish.rule.connections, max(1, self.most)):  # who has a permit shall not wait for ever
            self.dialling += 1
            return wish.hosts[0]
        return None if wish.alone else self._ahead(wish)

    def wait(self, wish: Wish, future: asyncio.Future[Leave]) -> list[Session]:
        """Note who waits; what to close to make room."""
        self.waiting.append((wish, future))
        return self._make_room()

    def answer(self) -> list[Session]:
        """Something changed: give those who wait what there is, in their order."""
        number = 0
        while number < len(self.waiting):
            wish, future = self.waiting[number]
            if future.done():
                del self.waiting[number]
            elif leave := self.ask(wish):
                del self.waiting[number]
                future.set_result(leave)
            elif self.idle:
                number += 1
            else:
                break
        return self._make_room()

    def add(self, session: Session) -> None:
        """A dialled session, lent to whoever dialled it."""
        session.lent, session.messages = 1, 1
        self.lent += 1

    def give_back(self, session: Session, rule: Rule) -> list[Session]:
        """A mail is done with its session."""
        session.lent -= 1
        if session.lent:
            self.note_ahead(session)
            return []
        self.lent -= 1
        if session in self.ahead:
            self.ahead.remove(session)
        if session.usable and session.messages < session.most and self.open < min(rule.connections, self.most):
            self.idle.append(session)
            return []
        return self._closing(session)

    def note_ahead(self, session: Session) -> None:
        """Whether a session may be followed has changed."""
        if session.follows and session not in self.ahead:
            self.ahead.append(session)

    def retire(self, session: Session) -> list[Session]:
        """It is to be lent to nobody any more: close it if it is idle; otherwise it ends when it is given back."""
        return self._closing(session) if session in self.idle else []

    def expired(self, since: float) -> list[Session]:
        """Take out what has been idle since then, or has died."""
        return [
            each
            for session in self.idle[:]
            if session.idle_since <= since or not session.usable
            for each in self._closing(session)
        ]

    def trim(self, connections: int) -> list[Session]:
        """Keep no more sessions than so many, now and until the next trim."""
        self.most = connections
        over = self.open - self.leaving - connections
        return [each for session in self.idle[: max(over, 0)] for each in self._closing(session)]

    def _idle(self, wish: Wish) -> Session | None:
        best = None
        for session in reversed(self.idle):
            if not session.usable or session.need != wish.need or session.host not in wish.hosts:
                continue
            if session.host == wish.hosts[0]:
                best = session
                break
            best = best or session
        if best is not None:
            self.idle.remove(best)
            self.lent += 1
            best.lent = 1
            best.messages += 1
        return best

    def _ahead(self, wish: Wish) -> Session | None:
        for session in self.ahead[:]:
            if not session.follows or session.messages >= session.most:
                self.ahead.remove(session)
            elif session.need == wish.need and session.host in wish.hosts:
                self.ahead.remove(session)
                session.lent += 1
                session.messages += 1
                return session
        return None

    def _make_room(self) -> list[Session]:
        """As many idle sessions as there are mails waiting that none of them suits."""
        short = len(self.waiting) - self.leaving
        return [each for session in self.idle[: max(short, 0)] for each in self._closing(session)]

    def _closing(self, session: Session) -> list[Session]:
        if session in self.idle:
            self.idle.remove(session)
        self.leaving += 1
        return [session]
