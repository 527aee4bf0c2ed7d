"""The words by which servers everywhere say what they think of our traffic, most telling first."""

import re
from dataclasses import dataclass

HEARD = 600
"""Characters of a reply that are listened to: what one means is said by then, and a longer one costs no more."""

_AGAIN = re.compile(
    r"\b(?:again|retry|wait|come back|resume|reconnect)\D{0,40}?(\d{1,5})\s*(s|m|h)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?)?\b",
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 4 * 3600.0
_SHORTEST = 1.0


def asked_pause(text: str) -> float | None:
    """The seconds that a reply asks us to wait ("try again in 5 minutes"), where it does: 1 s to 4 h, whatever it says."""
    found = _AGAIN.search(text[:HEARD].lower())
    return min(max(int(found[1]) * _SECONDS[found[2]], _SHORTEST), _LONGEST) if found else None


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that mean one thing; kind and limit by the names `mta.traffic.signal` gives them. All in lower case."""

    kind: str
    limit: str
    literals: tuple[str, ...]
    patterns: tuple[tuple[str, re.Pattern[str]], ...]

    def within(self, text: str) -> bool:
        """Whether `text`, in lower case, says it."""
        return any(literal in text for literal in self.literals) or any(
            stem in text and pattern.search(text) for stem, pattern in self.patterns
        )


def _phrase(kind: str, limit: str, /, *literals: str, **by_stem: str) -> Phrase:
    """`literals` say it all by themselves; a pattern is looked for only where its stem is, which nearly always it is not."""
    patterns = [(stem.replace("_", " "), re.compile(pattern)) for stem, pattern in by_stem.items()]
    return Phrase(kind, limit, literals, tuple(patterns))


def _words(text: str) -> dict[str, str]:
    """Each word for itself, and whole."""
    return {word: rf"\b{word}\b" for word in text.split()}


def heard(line: str) -> Phrase | None:
    """The first phrase that a reply's line says."""
    text = line[:HEARD].lower()
    return next((phrase for phrase in PHRASES if phrase.within(text)), None)


_HOST = r"\b(?:ip|ips|client|host|server|network|connection)s?\b.{0,60}\b"
_MAILBOX = r"(?:recipient|user|mailbox|destinataire)\S* .{0,40}\b"
_ON_ONE = (
    r"(?:messages?|e?mails?|transactions?|deliveries)\b.{0,30}\b(?:per|in (?:this|one|a)|on this|this)\s+(?:smtp )?"
)
_OUR = r"(?:connection|message|sending|mail|e-?mail|smtp)s? "

PHRASES = (
    # Traffic of the recipient's, not ours: others fill that mailbox too.
    _phrase(
        "clear",
        "none",
        receiving=r"(?:user|recipient|account|mailbox)\b.{0,40}\breceiving (?:mail|email|messages)",
        full=_MAILBOX + "full",
        quota=_MAILBOX + "(?:over ?)?quota",
    ),
    _phrase("suspend", "block", has_been=r"\bip\b.{0,20} has been (?:temporarily )?(?:blocked|banned)"),
    _phrase("slow_down", "per_connection", connection=_ON_ONE + "connection", session=_ON_ONE + "session"),
    _phrase(
        "slow_down",
        "rate",
        "unusual rate",
        "unexpected volume",
        "unusual volume",
        "frequency-limit",
        "frequency limit",
        "throttl",
        "flood",
        rate=_OUR + r"rate\b.{0,30}\b(?:limit|exceed|high)|\brate[- ]?limit",
        frequen=_OUR + r"frequency\b.{0,30}\b(?:limit|exceed|high)|frequen\w+ limited",
        excessive=r"excessive (?:rate|volume|traffic|number of (?:messages|mails))",
        sen=r"(?:sent|send|sending) (?:too (?:many|much|fast|quickly|often)|to too many|at too)",
        too_m=r"too (?:many|much) (?:e-?mails?|messages|mail)\b",
        exceed=r"exceed\w* .{0,40}\b(?:sending|message|hourly|daily) (?:rate|limit|quota)",
        limit=r"(?:sending|hourly|daily|message) limit .{0,20}(?:exceeded|reached)",
        quota=r"(?:sending|hourly|daily|message) quota .{0,20}(?:exceeded|reached)",
    ),
    _phrase(
        "slow_down",
        "connections",
        "concurrent connections",
        "concurrent sessions",
        "too many connexions",
        "trop de connexions",
        "trop de sessions",
        too_m=r"too (?:many|much) (?:\w+ ){0,3}(?:connections?|sessions?)",
        connection=r"connections?\b.{0,30}\b(?:limit|exceeded|maximum)|(?:limit|maximum|max|number) .{0,30}\bconnections\b",
        session=r"sessions?\b.{0,30}\b(?:limit|exceeded|maximum)|(?:limit|maximum|max|number) .{0,30}\bsessions\b",
    ),
    _phrase("slow_down", "rate", slow=r"\bslow(?:ing)? down\b"),
    _phrase(
        "greylisted",
        "none",
        "postgrey",
        "first-time sender",
        "first time sender",
        "unknown triplet",
        list=r"gr[ae]y ?-?list",
    ),
    # What is wrong with this message or its sender's domain; the next message may pass.
    _phrase(
        "neutral",
        "none",
        "content rejected",
        "content filter",
        "spam content",
        "spam message",
        "spam score",
        listed=r"\bdomain\b.{0,30}\b(?:black|block)?listed\b",
        likely=r"likely (?:unsolicited|suspicious|spam)(?!.*reputation)",
        **_words("uribl surbl dbl url link attachment virus phish malware dmarc spf dkim unauthenticated"),
    ),
    _phrase(
        "suspend",
        "block",
        "spamhaus",
        "spamcop",
        "barracudacentral",
        "blackhole",
        "access denied, banned",
        "incident de spam",
        list=r"(?:black|block|deny)[- ]?list",
        listed=r"\blisted (?:at|by|in|on) (?:[a-z0-9-]+\.)+[a-z]{2,}",
        reputation=r"(?:poor|bad|low|negative) (?:\w+ ){0,2}reputation|reputation .{0,30}(?:poor|bad|low)",
        block=_HOST + r"(?:blocked|block list)|\bblocked\b.{0,40}\b(?:ip|client|network)\b",
        banned=_HOST + r"banned|\bbanned\b.{0,40}\b(?:ip|client|network)\b",
        **_words("rbl dnsbl xbl sbl pbl"),
    ),
    _phrase(
        "slow_down",
        "none",
        "overload",
        "congest",
        busy=r"\bbusy\b",
        too_high=r"load (?:average )?(?:is )?too high",
        insufficient=r"insufficient (?:system )?(?:resources|storage|memory)",
        out_of=r"out of (?:system )?(?:resources|storage|memory)",
        low_on=r"low on (?:system )?(?:resources|storage|memory)",
        resource=r"resources? (?:are |is )?(?:temporarily )?(?:unavailable|exhausted)",
    ),
)
"""The first that is found holds."""
