"""A message made ready to travel: checked, completed, and in the form a given server can take.

A `Draft` is made once per job from the octets the campaign gave. It turns line ends into CRLF (and parts without lines into
base64: `mta.binary`), puts Date and Message-ID before the rest where they are missing (RFC 5321 section 6.4), and changes
nothing else. What it adds depends on the job alone, so every retry is the same message. What RFC 5322 does not allow is
refused with the reason, never mended.
"""

import hashlib
import re
from collections.abc import Collection
from datetime import UTC, datetime
from email.utils import format_datetime, getaddresses
from functools import lru_cache

from msgspec import Struct

from mta.attempt import Broken, Trouble
from mta.binary import as_text, has_binary
from mta.envelope import NO_LITERAL, Domain, a_form
from mta.recode import long_line, recode, split, unfit

MAX_HEADER = 256 * 1024
MAX_FIELDS = 1000
"""Octets and fields of a whole header section; receivers stop reading well below this."""

_SECTION = re.compile(rb"(?:[!-9;-~]++:[^\r\n]*+\r\n(?:[ \t][^\r\n]*+\r\n)*+)*+")
_NAME = re.compile(rb"^([!-9;-~]+):", re.MULTILINE)
_FROM = re.compile(rb"^from:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.MULTILINE | re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

# RFC 5322 section 3.6 and, for the MIME ones, RFC 2045 section 3: a second one has no meaning that readers agree on.
_AT_MOST_ONCE = (
    b"from sender reply-to to cc bcc date message-id in-reply-to references subject "
    b"mime-version content-type content-transfer-encoding"
).split()


class Draft(Struct, frozen=True, eq=False):
    """A legal message: CRLF line ends throughout, ending in one.

    `whole` ends with the octets the campaign gave (line ends apart); what was added stands before them. The body begins
    at `head`. `utf8_headers`: only a server that offers SMTPUTF8 can take it (RFC 6532). `unfit` says why the body cannot
    travel as it is even to an 8BITMIME server (None: it can).
    """

    whole: bytes
    head: int
    from_domain: str
    utf8_headers: bool
    eight_bit: bool
    unfit: str | None

    def octets(self, *, eightbitmime: bool) -> bytes | Broken:
        """The form for a server with or without 8BITMIME (RFC 6152), or why there is none.

        Parts that cannot pass become quoted-printable or base64; every other octet stays as it is.
        """
        if self.utf8_headers and not eightbitmime:  # RFC 6531 section 3.1: SMTPUTF8 implies 8BITMIME
            return Broken(Trouble.NEEDS_SMTPUTF8, "the message has UTF-8 headers, which this server does not take")
        if self.unfit is None and (eightbitmime or not self.eight_bit):
            return self.whole
        recoded = recode(self.whole, self.head, seven_bit=not eightbitmime)
        return recoded if isinstance(recoded, bytes) else _illegal(recoded)


def draft(content: str | bytes, *, job_id: str, accepted_at: float) -> Draft | Broken:
    """The draft of the message a job carries, or why it is not to be sent.

    `accepted_at` (POSIX seconds) becomes the Date of a message that has none.
    """
    try:
        given = content.encode() if isinstance(content, str) else content
    except UnicodeEncodeError:
        return _illegal("the message has a lone surrogate, which no encoding can carry")
    octets = crlf(given)
    if octets != given and has_binary(given):
        octets = crlf(as_text(given))
    section, body = split(octets)
    names = [name.lower() for name in _NAME.findall(section)]
    if fault := _section_fault(section) or _names_fault(names):
        return _illegal(fault)
    author = _author(_FROM.findall(section)[0], b"sender" in names)
    if not isinstance(author, Domain):
        return _illegal(author)
    added = _added(names, author.name, job_id, accepted_at)
    return Draft(
        whole=b"".join((added, octets) if len(section) < len(octets) else (added, octets, b"\r\n")),
        head=len(added) + len(section) + 2,
        from_domain=author.name,
        utf8_headers=not section.isascii(),
        eight_bit=not body.isascii(),
        unfit=unfit(body),
    )


def crlf(octets: bytes) -> bytes:
    """`octets` with every CR, LF and CRLF a CRLF, and one at the end: what a receiver cannot read in two ways."""
    lines = octets.replace(b"\r", b"") if b"\r" in octets else octets
    whole = lines.replace(b"\n", b"\r\n")
    if len(lines) < len(octets) and whole != octets:  # a CR may stand alone, or an LF; rare, and several times the cost
        whole = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return whole if whole.endswith(b"\r\n") else whole + b"\r\n"


def _section_fault(section: bytes) -> str | None:
    if len(section) > MAX_HEADER:
        return f"the header is over {MAX_HEADER // 1024} KiB"
    if found := _CONTROL.search(section):
        return f"the header has a control character (0x{ord(found[0]):02x}) in line {_line(section, found.start())}"
    legal = _SECTION.match(section)
    if legal is None or legal.end() < len(section):
        return f"line {_line(section, legal.end() if legal else 0)} of the header is no header field"
    if long_line(section):
        return "the header has a line of over 998 octets"
    try:
        section.decode()
    except UnicodeDecodeError as error:
        return f"the header has octets that are neither ASCII nor UTF-8 in line {_line(section, error.start)}"
    return None


def _names_fault(names: list[bytes]) -> str | None:
    if len(names) > MAX_FIELDS:
        return f"the header has {len(names)} fields, more than {MAX_FIELDS}"
    if b"from" not in names:
        return "the message has no From header"
    for name in _AT_MOST_ONCE if len(set(names)) < len(names) else ():
        if (count := names.count(name)) > 1:
            return f"the message has {count} {name.decode()} headers, where one is allowed"
    return None


@lru_cache(maxsize=4096)
def _author(value: bytes, has_sender: bool) -> Domain | str:
    """The domain of the (first) author; a campaign's messages share the field, so it is read once."""
    text = value.decode().replace("\r\n", "")
    mailboxes = [address for _, address in getaddresses([text]) if address]
    if not mailboxes or not all("@" in address for address in mailboxes):
        # An address literal is one that newer Pythons do not read, and older ones do.
        return f"the From header {NO_LITERAL if '@[' in text else 'has no address that can be read'}"
    if len(mailboxes) > 1 and not has_sender:
        return f"the From header names {len(mailboxes)} mailboxes, and there is no Sender header"
    match a_form(mailboxes[0].rpartition("@")[2]):
        case Domain() as domain:
            return domain
        case fault:
            return f"the From header {fault}"


def _added(names: Collection[bytes], domain: str, job_id: str, accepted_at: float) -> bytes:
    added = ""
    if b"date" not in names:
        added += f"Date: {format_datetime(datetime.fromtimestamp(int(accepted_at), UTC))}\r\n"
    if b"message-id" not in names:
        added += f"Message-ID: <{hashlib.blake2b(job_id.encode(), digest_size=20).hexdigest()}@{domain}>\r\n"
    return added.encode()


def _line(section: bytes, offset: int) -> int:
    return section.count(b"\n", 0, offset) + 1


def _illegal(text: str) -> Broken:
    return Broken(Trouble.ILLEGAL_MESSAGE, text)
