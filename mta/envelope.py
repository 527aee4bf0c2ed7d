"""The envelope of a message (RFC 5321 section 2.3.1) and the addresses in it.

An address goes into an SMTP command as it stands, so what is not a mailbox by RFC 5321 section 4.1.2 (with RFC 6531 for
addresses beyond ASCII) never becomes a value here. Nothing is repaired: an address that needs mending may be another's.
"""

import re
from functools import lru_cache
from typing import Self

import idna
from msgspec import Struct

MAX_LOCAL = 64
MAX_DOMAIN = 255
MAX_PATH = 256
"""Octets (RFC 5321 section 4.5.3.1); a path counts its angle brackets."""
NO_LITERAL = "has an address literal where a domain is wanted"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOM = r"[^\x00-\x20\"(),.:;<>@\[\\\]\x7f-\xa0]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f-\x9f]|\\[\x20-\x7e])*"')
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Mailbox(Struct, frozen=True):
    """A local part as it was written, quotes included, and a domain in A-form, lower case."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


class Envelope(Struct, frozen=True):
    """`mail_from` may be empty (the null reverse-path); both are checked mailboxes with their domain in A-form, lower
    case, ready to go between angle brackets.

    `utf8_headers`: the message under this envelope has UTF-8 in its header section (`Draft.utf8_headers`).
    """

    mail_from: str
    rcpt_to: str
    utf8_headers: bool = False

    @classmethod
    def of(cls, mail_from: str, rcpt_to: str) -> Self | str:
        """The envelope, or the fault in words, with the name of the field."""
        sender = "" if mail_from == "" else parse_mailbox(mail_from)
        if isinstance(sender, str) and sender:
            return f"mail_from {sender}"
        recipient = parse_mailbox(rcpt_to)
        if isinstance(recipient, str):
            return f"rcpt_to {recipient}"
        return cls(str(sender), str(recipient))

    @property
    def needs_smtputf8(self) -> bool:
        """Only a server that offers SMTPUTF8 can carry this (RFC 6531 section 3.2)."""
        return self.utf8_headers or not (self.mail_from.isascii() and self.rcpt_to.isascii())

    @property
    def domain(self) -> str:
        """The recipient's domain: what is routed."""
        return self.rcpt_to.rpartition("@")[2]


def parse_mailbox(text: str) -> Mailbox | str:
    """The mailbox that `text` names, or what is wrong with it, in words that go on from the name of a field."""
    if not text:
        return "is empty"
    if found := _CONTROL.search(text):
        return f"has a control character (U+{ord(found[0]):04X})"
    local, at, domain = text.rpartition("@")
    if not at or not domain:
        return "has no domain"
    if fault := _local_fault(local):
        return fault
    match a_form(domain):
        case Domain(name):
            pass
        case fault:
            return fault
    if _octets(local) + 1 + len(name) + 2 > MAX_PATH:
        return f"is too long: over {MAX_PATH - 2} octets"
    return Mailbox(local, name)


class Domain(Struct, frozen=True):
    """A domain name in A-form, lower case."""

    name: str


@lru_cache(maxsize=65536)
def a_form(text: str) -> Domain | str:
    """A mail domain in A-form (RFC 5890), lower case, or what is wrong with it.

    Names beyond ASCII are mapped by UTS 46 first, as people type them. Address literals are not taken.
    """
    if text.startswith("["):
        return NO_LITERAL
    if len(text) > MAX_DOMAIN:
        return f"is too long: a domain of over {MAX_DOMAIN} octets"
    name = text.lower()
    if not name.isascii():
        try:
            name = idna.encode(text, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            return f"has a domain that is no IDN: {error}"
    if len(name) > MAX_DOMAIN:
        return f"is too long: a domain of over {MAX_DOMAIN} octets"
    labels = name.split(".")
    for label in labels:
        if fault := _label_fault(label):
            return fault
    if labels[-1].isdigit():
        return "has an address where a domain is wanted"
    return Domain(name)


def _label_fault(label: str) -> str | None:
    if not label:
        return "has a domain with an empty label"
    if len(label) > 63:
        return "is too long: a domain label of over 63 octets"
    if not _LABEL.fullmatch(label):
        return f"has a domain that is none: {label!r}"
    if label.startswith("xn--"):
        try:
            idna.ulabel(label)
        except (idna.IDNAError, UnicodeError) as error:
            return f"has a domain that is no IDN: {error}"
    return None


def _local_fault(local: str) -> str | None:
    if not local:
        return "has no local part"
    if _octets(local) > MAX_LOCAL:
        return f"is too long: a local part of over {MAX_LOCAL} octets"
    if _DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local):
        return None
    return "has a local part that is neither a dot-atom nor a quoted string"


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
