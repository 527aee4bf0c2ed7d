"""An open session: what it leads to, what it offers, and the mails it carries one after another."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from mta.attempt import Delivered, Path, Phase, Refused
from mta.dialogue import Line, remark
from mta.routing.route import Host, Login
from mta.smtp import Intend, Offers
from mta.smtp.ended import Ended
from mta.smtp.letter import Letter
from mta.smtp.transaction import Transaction
from mta.smtp.wire import Wire
from mta.traffic.rule import Timeouts, TlsPolicy


class Need(NamedTuple):
    """What a route asks of a session besides its host; sessions are shared by routes that ask the same.

    `domain` is that of the recipient where the TLS policy is the domain's own.
    """

    login: Login | None
    tls: TlsPolicy
    domain: str | None


class Session:
    """A connection that is ready for mail. Lent to one mail, or to two of which the first waits only for the answer to
    its final dot."""

    __slots__ = (
        "aged",
        "banner_time",
        "done",
        "dots",
        "followed",
        "host",
        "idle_since",
        "lent",
        "messages",
        "most",
        "need",
        "offers",
        "opening",
        "path",
        "spoilt",
        "wire",
    )

    def __init__(self, wire: Wire, host: Host, need: Need, path: Path, offers: Offers) -> None:
        self.wire = wire
        self.host = host
        self.need = need
        self.path = path
        self.offers = offers
        self.banner_time: float | None = None  # seconds; None once a mail has taken note of it
        self.opening: Sequence[Line] = ()  # what was said before the first mail; goes with that
        self.messages = 0  # mails it was lent to
        self.most = 1  # that it may be lent to
        self.done = 0  # mails that the server gave its verdict on
        self.lent = 0  # mails it is lent to now
        self.dots = 0  # of them, those that wait for the answer to their final dot
        self.aged = False  # older than its rule wants connections to be
        self.spoilt = False  # somebody left in the middle of a mail
        self.idle_since = 0.0
        self.followed: Callable[[Session], None] = _nobody

    def __repr__(self) -> str:
        secured = f" {self.path.tls.version}" if self.path.tls else ""
        state = "closed" if not self.usable else "idle" if not self.lent else f"lent to {self.lent}"
        return f"<Session {self.host} ({self.path.remote_ip}){secured}, {state}, {self.messages} messages>"

    @property
    def usable(self) -> bool:
        return not self.spoilt and self.wire.usable

    @property
    def follows(self) -> bool:
        """The next mail may go behind the final dot that is out (RFC 2920 section 3.1)."""
        return self.lent == self.dots == 1 and self.offers.pipelining and self.usable

    def dot_left(self) -> None:
        self.dots += 1
        self.followed(self)

    async def transact(self, letter: Letter, timeouts: Timeouts, intend: Intend) -> Ended:
        """One mail. If it is cancelled the session is spoilt: it ends when nobody waits for it any more."""
        letter.dialogue += self.opening or [remark(f"on a kept connection to {self.host.name} [{self.path.remote_ip}]")]
        self.opening = ()
        content = await letter.content(self.offers)
        if isinstance(content, Ended):
            return content
        if hindrance := letter.mail.hindrance():
            return Ended(Phase.MAIL, hindrance)
        transaction = Transaction(self, letter, content, timeouts)
        finished = False
        try:
            ended = await transaction.run(intend)
            finished = True
            self.done += isinstance(ended.ending, Delivered | Refused) and not ended.untouched
            return ended
        finally:
            self.spoilt = self.spoilt or not finished
            self.dots -= transaction.dotted


def _nobody(_: Session) -> None:
    """Nobody waits to follow."""
