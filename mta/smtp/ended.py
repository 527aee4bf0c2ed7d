"""How an opening or a transaction ended: the part of an attempt that one connection knows."""

from typing import NamedTuple

from aiosmtplib.errors import SMTPException, SMTPServerDisconnected, SMTPTimeoutError

from mta.attempt import Broken, Ending, Phase, Refused, Trouble
from mta.reply import Reply
from mta.smtp.answer import Answer

_BEFORE_MAIL = (Phase.DNS, Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH)


class Ended(NamedTuple):
    """`dot_time`: seconds from the final dot to its reply. `untouched`: the connection was gone before the server
    answered anything of this mail, so that another one may take it as if nothing had been tried."""

    phase: Phase
    ending: Ending
    dot_time: float | None = None
    untouched: bool = False

    @property
    def closing(self) -> bool:
        """The server said 421: it closes the channel, whatever was asked (RFC 5321 section 3.8)."""
        return isinstance(self.ending, Refused) and self.ending.reply.code == 421

    @property
    def elsewhere(self) -> bool:
        """Another host may do better: nothing was said about this mail."""
        if self.closing:
            return self.phase is not Phase.BODY
        return self.phase in _BEFORE_MAIL and isinstance(self.ending, Refused | Broken)


def broken(fault: SMTPException) -> Broken:
    """What a fault of the wire is in an attempt."""
    match fault:
        case SMTPTimeoutError():
            return Broken(Trouble.TIMEOUT, fault.message)
        case SMTPServerDisconnected():
            return Broken(Trouble.LOST, fault.message)
        case _:
            return Broken(Trouble.GARBAGE, fault.message)


def refused(answer: Answer | Reply) -> Refused | Broken:
    """An answer that does not let us go on: a refusal, or one that is out of turn here."""
    reply = answer if isinstance(answer, Reply) else answer.reply()
    if reply.transient or reply.permanent:
        return Refused(reply)
    return Broken(Trouble.GARBAGE, f"a reply out of turn: {reply.line}")
