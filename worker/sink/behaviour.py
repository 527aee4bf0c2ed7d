"""What a sink answers, as a pure function of what it is asked.

`by_recipient` reads the answer out of the recipient's address; a policy that models receiving sites is another `Behaviour`
put in its place. A behaviour may keep a state of its own (a rate, open connections); `by_recipient` has none.
"""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mta.reply import Reply


class Moment(StrEnum):
    """When a behaviour is asked. At `CLOSED` its answer is not heard: the connection has ended."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DOT = "dot"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question. `now` is in seconds on any steady clock.

    `connection` numbers the connections of a sink, `connections` are open now, this one included, and `taken` counts the
    messages taken on this one. `refusals` counts the earlier answers to the same sender, recipient and moment that were not
    an acceptance, and `since` is the time of the first of them. `rcpt` is empty before RCPT; at `DOT` each recipient is asked
    about in turn, and the first answer that is not an acceptance holds for the message.
    """

    moment: Moment
    connection: int
    connections: int
    now: float
    peer: str = ""
    sender: str = ""
    rcpt: str = ""
    taken: int = 0
    refusals: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`reply` after `delay` seconds (None: not a word), then perhaps close.

    At `DOT` a positive reply takes the message; `keep` takes it whatever the reply says.
    """

    reply: Reply | None
    delay: float = 0.0
    close: bool = False
    keep: bool = False

    @property
    def accepts(self) -> bool:
        return self.reply is not None and self.reply.positive


Behaviour = Callable[[Ask], Answer]

ACCEPT = Answer(reply=Reply(250, "2.0.0 Ok"))
GREYLIST_S = 60.0

# What sites say: code and enhanced status code to text; the first line of a code is what the code alone gets.
_TEXTS = """\
421 4.3.2 Service shutting down or overloaded, closing transmission channel, try again later
421 4.7.0 Too many concurrent SMTP connections from your address, try again later
421 4.7.28 Our system has detected an unusual rate of unsolicited mail from your address, try again later
450 4.2.1 Mailbox temporarily unavailable, try again later
450 4.4.3 Temporary lookup failure
451 4.3.0 Local error in processing, try again later
451 4.3.2 System not accepting messages now, try again later
451 4.7.1 Greylisted, please try again later
452 4.2.2 Mailbox full
452 4.3.1 Insufficient system storage
452 4.5.3 Too many recipients
454 4.7.0 Temporary authentication failure
501 5.1.3 Bad recipient address syntax
521 5.3.2 Host does not accept mail
525 5.7.13 User account disabled
550 5.1.1 User unknown
550 5.1.2 Host unknown, domain does not exist
550 5.2.1 Mailbox disabled, not accepting messages
550 5.7.1 Message refused by local policy
550 5.7.26 Unauthenticated mail is not accepted: neither SPF nor DKIM passed
551 5.1.6 User has moved, no forwarding address
552 5.2.2 Mailbox full, quota exceeded
552 5.3.4 Message size exceeds the limit of this system
553 5.1.3 Mailbox name not allowed
554 5.7.1 Service unavailable; client host blocked by a blocklist
556 5.1.10 Domain does not accept mail (null MX)
"""

_BY_CODE: dict[str, Reply] = {}
for _line in _TEXTS.splitlines():
    _code, _enhanced, _text = _line.split(" ", 2)
    _reply = Reply(int(_code), f"{_enhanced} {_text}")
    _BY_CODE.setdefault(_code, _reply)
    _BY_CODE[f"{_code}-{_enhanced}"] = _reply

_TIMES = r"(?:-(?P<times>once|twice|\d{1,6}times))?"
_SECONDS = r"(?P<seconds>\d{1,6}(?:\.\d{1,3})?)s"
_REFUSE = re.compile(rf"(?P<dot>dot-)?(?P<code>[45]\d\d)(?:-(?P<enhanced>[245]\.\d{{1,3}}\.\d{{1,3}}))?{_TIMES}")
_DROP = re.compile(rf"drop(?:-(?P<after>dot|taken))?{_TIMES}")
_GREYLIST = re.compile(rf"greylist(?:-{_SECONDS})?")
_SLOW = re.compile(rf"(?P<dot>dot-)?slow-{_SECONDS}")


def by_recipient(ask: Ask) -> Answer:
    """The answer that the recipient's local part asks for: see `campaign-mta sink --help`."""
    if "+" not in ask.rcpt:
        return ACCEPT
    asked = [answer for answer in _asked_for(ask) if answer is not ACCEPT]
    delay = sum(answer.delay for answer in asked)
    verdict = next((answer for answer in asked if not answer.accepts), ACCEPT)
    return Answer(reply=verdict.reply, delay=delay, close=verdict.close, keep=verdict.keep)


def _asked_for(ask: Ask) -> Iterator[Answer]:
    local, _, _ = ask.rcpt.rpartition("@")
    for tag in local.lower().split("+")[1:]:
        if found := _REFUSE.fullmatch(tag):
            yield _refuse(ask, found)
        elif found := _DROP.fullmatch(tag):
            yield _drop(ask, found)
        elif found := _GREYLIST.fullmatch(tag):
            yield _greylist(ask, found)
        elif found := _SLOW.fullmatch(tag):
            yield _slow(ask, found)


def _refuse(ask: Ask, tag: re.Match[str]) -> Answer:
    if ask.moment is not _moment(tag["dot"]) or _spent(ask, tag):
        return ACCEPT
    return Answer(reply=wording(tag["code"], tag["enhanced"]), close=tag["code"] == "421")


def _drop(ask: Ask, tag: re.Match[str]) -> Answer:
    if ask.moment is not _moment(tag["after"]) or _spent(ask, tag):
        return ACCEPT
    return Answer(reply=None, close=True, keep=tag["after"] == "taken")


def _greylist(ask: Ask, tag: re.Match[str]) -> Answer:
    if ask.moment is not Moment.RCPT:
        return ACCEPT
    left = float(tag["seconds"] or GREYLIST_S)
    if ask.refusals:
        left -= ask.now - ask.since
    if left <= 0:
        return ACCEPT
    # Whole seconds, rounded up: who comes back when told to is let in.
    return Answer(reply=Reply(451, f"4.7.1 Greylisted, please try again in {math.ceil(left)} seconds"))


def _slow(ask: Ask, tag: re.Match[str]) -> Answer:
    if ask.moment is not _moment(tag["dot"]):
        return ACCEPT
    return Answer(reply=ACCEPT.reply, delay=float(tag["seconds"]))


def _moment(after: str | None) -> Moment:
    return Moment.DOT if after else Moment.RCPT


def _spent(ask: Ask, tag: re.Match[str]) -> bool:
    if (times := tag["times"]) is None:
        return False
    match times:
        case "once":
            return ask.refusals >= 1
        case "twice":
            return ask.refusals >= 2
        case _:
            return ask.refusals >= int(times.removesuffix("times"))


def wording(code: str, enhanced: str | None = None) -> Reply:
    """What a site says with this code, and enhanced status code if one is wanted."""
    known = _BY_CODE.get(f"{code}-{enhanced}" if enhanced else code)
    if known is not None:
        return known
    kind = "Temporary" if code[0] == "4" else "Permanent"
    return Reply(int(code), f"{enhanced or code[0] + '.0.0'} {kind} failure")
