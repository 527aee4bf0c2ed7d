"""What is written: commands, and a message in the form it travels in. Nothing of an address can end a command early."""

import re

from aiosmtplib.esmtp import parse_esmtp_extensions

from mta.envelope import Envelope
from mta.smtp import Mail, Offers

_LARGE = 256 * 1024
"""Octets from which a message is sent as BDAT where that is offered: no copy for dot stuffing (RFC 3030)."""

_ENDS_A_PATH = re.compile(r"[\x00-\x1f\x7f<>]")


def safe(envelope: Envelope) -> bool:
    """Whether both paths can stand between angle brackets. Everything that can be an envelope passes, but for brackets in
    quoted local parts, on which receivers disagree."""
    return not (_ENDS_A_PATH.search(envelope.mail_from) or _ENDS_A_PATH.search(envelope.rcpt_to))


def envelope_commands(mail: Mail, content: bytes, offers: Offers, last: bytes) -> list[bytes]:
    """MAIL, RCPT and the command after them, if any."""
    sender = f"MAIL FROM:<{mail.envelope.mail_from}>"
    if offers.size is not None:
        sender += f" SIZE={len(content)}"
    if offers.eightbitmime and not content.isascii():
        sender += " BODY=8BITMIME"
    if offers.smtputf8 and mail.envelope.needs_smtputf8:
        sender += " SMTPUTF8"
    return [f"{sender}\r\n".encode(), f"RCPT TO:<{mail.envelope.rcpt_to}>\r\n".encode(), *([last] if last else [])]


def in_chunks(content: bytes, offers: Offers) -> bool:
    """Whether to send with BDAT: where it is offered, what is large, and what is binary, for DATA is of text. A `Draft` is
    never binary: such parts are base64 by then (`mta.binary`), so BODY=BINARYMIME is not asked for."""
    return offers.chunking and (len(content) >= _LARGE or b"\0" in content)


def stuffed(content: bytes) -> bytes:
    """With dots doubled at the beginning of lines and the final dot (RFC 5321 section 4.5.2); `content` has CRLF line ends
    only and ends in one."""
    if content.rfind(b"\n.") >= 0:  # backwards it takes half as long as `in`, and it is seldom found
        content = content.replace(b"\n.", b"\n..")
    if content.startswith(b"."):
        content = b"." + content
    return content + b".\r\n"


def keywords(greeting: str) -> dict[str, str]:
    """What an EHLO reply offers, keywords in lower case; AUTH with all its mechanisms, the old spelling `AUTH=` too."""
    extensions, mechanisms = parse_esmtp_extensions(greeting)
    if mechanisms:
        extensions["auth"] = " ".join(mechanisms)
    return extensions


def offers(extensions: dict[str, str]) -> Offers:
    """What of it concerns messages. A SIZE of 0 is no limit (RFC 1870 section 4)."""
    size = extensions.get("size", "")
    return Offers(
        eightbitmime="8bitmime" in extensions,
        smtputf8="smtputf8" in extensions,
        pipelining="pipelining" in extensions,
        chunking="chunking" in extensions,
        size=int(size) or None if size.isascii() and size.isdigit() and len(size) < 20 else None,
    )
