"""The words by which servers everywhere say what they think of our traffic, most telling first."""

import re

_AGAIN = re.compile(
    r"\b(?:again|retry|wait|come back|resume|reconnect)\D{0,40}?(\d{1,5})\s*(s|m|h)(?:ec(?:ond)?s?|in(?:ute)?s?|(?:ou)?rs?)?\b",
    re.IGNORECASE,
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 4 * 3600.0
_SHORTEST = 1.0


def asked_pause(text: str) -> float | None:
    """The seconds that a reply asks us to wait ("try again in 5 minutes"), where it does: 1 s to 4 h, whatever it says."""
    found = _AGAIN.search(text)
    return min(max(int(found[1]) * _SECONDS[found[2].lower()], _SHORTEST), _LONGEST) if found else None


def _phrase(kind: str, limit: str, *alternatives: str) -> tuple[str, str, re.Pattern[str]]:
    return kind, limit, re.compile("|".join(alternatives), re.IGNORECASE)


PHRASES = (
    # Traffic of the recipient's, not ours: others fill that mailbox too.
    _phrase("clear", "none", r"(?:user|recipient|account|mailbox)\b.{0,40}\breceiving (?:mail|email|messages)"),
    _phrase("clear", "none", r"(?:recipient|user|mailbox|destinataire)\S* .{0,40}\b(?:full|over ?quota|quota)"),
    _phrase("suspend", "block", r"\bip\b.{0,20} has been (?:temporarily )?(?:blocked|banned)"),
    _phrase(
        "slow_down",
        "per_connection",
        r"(?:messages?|e?mails?|transactions?|deliveries)\b.{0,30}"
        r"\b(?:per|in (?:this|one|a)|on this|this)\s+(?:smtp )?(?:connection|session)",
    ),
    _phrase(
        "slow_down",
        "rate",
        r"(?:connection|message|sending|mail|e-?mail|smtp)s? (?:rate|frequency)\b.{0,30}\b(?:limit|exceed|high)",
        r"\brate[- ]?limit",
        r"unusual rate|unexpected volume|unusual volume|excessive (?:rate|volume|traffic|number of (?:messages|mails))",
        r"frequency[- ]limit|frequen\w+ limited|throttl|flood",
        r"(?:sent|send|sending) (?:too (?:many|much|fast|quickly|often)|to too many|at too)",
        r"too (?:many|much) (?:e-?mails?|messages|mail)\b",
        r"exceed\w* .{0,40}\b(?:sending|message|hourly|daily) (?:rate|limit|quota)",
        r"(?:sending|hourly|daily|message) (?:limit|quota) .{0,20}(?:exceeded|reached)",
    ),
    _phrase(
        "slow_down",
        "connections",
        r"too (?:many|much) (?:\w+ ){0,3}(?:connections?|sessions?)",
        r"(?:connections?|sessions?)\b.{0,30}\b(?:limit|exceeded|maximum)",
        r"(?:limit|maximum|max|number) .{0,30}\b(?:connections|sessions)\b",
        r"concurrent (?:connections|sessions)",
        r"too many connexions|trop de (?:connexions|sessions)",
    ),
    _phrase("slow_down", "rate", r"\bslow(?:ing)? down\b"),
    _phrase("greylisted", "none", r"gr[ae]y ?-?list", r"postgrey|first[- ]time sender|unknown triplet"),
    # What is wrong with this message or its sender's domain; the next message may pass.
    _phrase(
        "neutral",
        "none",
        r"\bdomain\b.{0,30}\b(?:black|block)?listed\b",
        r"\b(?:uribl|surbl|dbl)\b|\b(?:url|link|attachment|virus|phish|malware|dmarc|spf|dkim|unauthenticated)\b",
        r"likely (?:unsolicited|suspicious|spam)(?!.*reputation)|spam (?:content|message|score)|content (?:rejected|filter)",
    ),
    _phrase(
        "suspend",
        "block",
        r"spamhaus|spamcop|barracudacentral|\b(?:rbl|dnsbl|xbl|sbl|pbl)\b|(?:black|block|deny)[- ]?list|blackhole",
        r"\blisted (?:at|by|in|on) (?:[a-z0-9-]+\.)+[a-z]{2,}",
        r"(?:poor|bad|low|negative) (?:\w+ ){0,2}reputation|reputation .{0,30}(?:poor|bad|low)",
        r"\b(?:ip|ips|client|host|server|network|connection)s?\b.{0,60}\b(?:blocked|banned|block list)",
        r"\b(?:blocked|banned)\b.{0,40}\b(?:ip|client|network)\b|access denied, banned",
        r"incident de spam",
    ),
    _phrase(
        "slow_down",
        "none",
        r"\bbusy\b|overload|load (?:average )?(?:is )?too high|congest",
        r"(?:insufficient|out of|low on) (?:system )?(?:resources|storage|memory)",
        r"resources? (?:are |is )?(?:temporarily )?(?:unavailable|exhausted)",
    ),
)
"""(kind, limit, phrase); kinds and limits by the names `mta.traffic.signal` gives them. The first that is found holds."""
