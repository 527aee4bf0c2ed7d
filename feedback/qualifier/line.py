"""A reply line as people have it, qualified: for the command line and for other programs.

The line may be a bare reply (`550 5.1.1 User unknown`) or what another MTA logged of one (`host mx.example.net[192.0.2.1]
said: 550 5.1.1 User unknown (in reply to RCPT TO command)`), in which case what that says of host and phase is used, unless
the caller knows better.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from feedback.qualifier import Qualifier
from mta.attempt import Phase, Refused
from mta.reply import Reply, clean

_BARE = re.compile(r"\s*([245]\d\d)(?:[ -]|$)\s*(.*)", re.DOTALL)
_WITHIN = re.compile(
    r"(?:[:;'\"]|\bsaid|\bresponse|\bcode)\s*['\"]?([45]\d\d)[ -](?=\S)|(?:^|\s)([45]\d\d)[ -](?=[45]\.\d{1,3}\.\d|[^\d\s])"
)
_HOST = re.compile(r"\bhost ([\w-]+(?:\.[\w-]+)+)\s?\[|\b([\w-]+(?:\.[\w-]+)+) \[[\d.]+\] did not like")
_PHASES = (
    (Phase.BODY, r"in reply to end of data|after end of data|our final data|after i sent the message"),
    (Phase.DATA, r"in reply to data command|after data\b|our data\b"),
    (Phase.RCPT, r"in reply to rcpt to|after rcpt to|our rcpt to|does not like recipient|\[rcpt_to\]"),
    (Phase.MAIL, r"in reply to mail from|after mail from|our mail from|\[mail_from\]"),
    (Phase.EHLO, r"in reply to (?:ehlo|helo)|after (?:ehlo|helo)\b"),
    (Phase.BANNER, r"refused to talk to me|after initial connection|while performing initial greeting"),
)
_LATER = re.compile(
    r"\b(?:delayed|deferred|will be retried|will-retry|temporar(?:y|ily)|(?<![45]\.)4\.\d{1,3}\.\d{1,3})\b",
    re.IGNORECASE,
)
_NUMBERLESS = {True: 499, False: 599}
"""Codes no server uses, for lines that have none: any class-wide rule holds for them, no rule for a single code does."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply and where it was given, as far as its line says."""

    reply: Reply
    phase: Phase
    mx_host: str | None


def hear(line: str, phase: Phase | None = None, mx_host: str | None = None) -> Heard:
    """Read a line; RCPT is where most refusals are given, and is taken where nothing says otherwise."""
    text = clean(line)
    low = text.lower()
    said = next((where for where, words in _PHASES if re.search(words, low)), Phase.RCPT)
    host = _HOST.search(text)
    return Heard(_reply(text), phase or said, mx_host or (host and (host[1] or host[2])) or None)


def _reply(text: str) -> Reply:
    if bare := _BARE.match(text):
        return Reply(int(bare[1]), bare[2])
    if within := _WITHIN.search(text):
        return Reply(int(within[1] or within[2]), text[within.end() :])
    return Reply(_NUMBERLESS[bool(_LATER.search(text))], text)


def qualify_line(qualifier: Qualifier, asked: Mapping[str, str | None]) -> dict[str, object]:
    """What `answer` says of `{"reply", "phase", "mx", "domain"}`; only `reply` is required.

    Raises:
        ValueError: no reply, no refusal, or a phase that is none.
    """
    return answer(qualifier, asked_of(asked), asked.get("domain"))


def asked_of(asked: Mapping[str, str | None]) -> Heard:
    """The reply asked about, in its circumstances.

    Raises:
        ValueError: no reply, no refusal, or a phase that is none.
    """
    line = asked.get("reply")
    if not line:
        raise ValueError("reply: missing")
    named = asked.get("phase")
    try:
        phase = Phase(named) if named else None
    except ValueError:
        raise ValueError(f"phase: {named!r} is none of {', '.join(Phase)}") from None
    heard = hear(line, phase, asked.get("mx"))
    if heard.reply.positive:
        raise ValueError("reply: a 2yz is not a refusal")
    return heard


def answer(qualifier: Qualifier, heard: Heard, domain: str | None) -> dict[str, object]:
    """The contract's `qualification` and `retry`."""
    verdict = qualifier.qualify(heard.phase, Refused(heard.reply), heard.mx_host, domain)
    found = verdict.qualification
    return {
        "code": int(found.code),
        "name": found.code.name.lower(),
        "type": str(found.type),
        "reason": int(found.reason),
        "reason_name": found.reason.name.lower(),
        "rule": found.rule,
        "to_qualify": found.to_qualify,
        "retry": verdict.retry,
    }
