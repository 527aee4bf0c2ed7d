"""Another form of a message body, for a server or a line length it does not fit (RFC 6152, RFC 2045 section 6).

Only the parts that do not fit are re-encoded, and of their headers only Content-Transfer-Encoding changes; the octets of
all other parts stay as they are. What must not be touched (signed parts) or cannot be (8-bit part headers) is refused.
"""

import binascii
import re
from email.message import Message
from email.parser import BytesHeaderParser

MAX_LINE = 998
"""Octets of a line without its CRLF (RFC 5322 section 2.1.1)."""

_DEPTH = 50
_ENCODING = re.compile(rb"^content-transfer-encoding:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n", re.IGNORECASE | re.MULTILINE)
_IDENTITY = frozenset(("7bit", "8bit", "binary"))
_BASE64_LINE = re.compile(rb"[^\r\n]{76}")


def unfit(octets: bytes) -> str | None:
    """Why `octets` are no 8-bit data by RFC 2045 section 2.8 (None: they are). Line ends must be CRLF already."""
    if b"\0" in octets:
        return "the message has a NUL octet"
    return "the message has a line of over 998 octets" if long_line(octets) else None


def long_line(octets: bytes) -> bool:
    """Whether a line is over `MAX_LINE`. Goes in leaps of that length, not line by line."""
    start, size = 0, len(octets)
    while size - start > MAX_LINE:
        last = octets.rfind(b"\n", start, start + MAX_LINE + 2)
        if last < 0:
            return True
        start = last + 1
    return False


def recode(whole: bytes, head: int, *, seven_bit: bool) -> bytes | str:
    """The message `whole`, whose body begins at `head`, with nothing in the body that does not fit; or why not."""
    recoded = _entity(whole[: head - 2], whole[head:], seven_bit, 0)
    if isinstance(recoded, bytes) and not _fits(recoded[head:], seven_bit):
        return "no form of the message fits the server"
    return recoded


def _fits(octets: bytes, seven_bit: bool) -> bool:
    return unfit(octets) is None and (octets.isascii() or not seven_bit)


def _entity(section: bytes, body: bytes, seven_bit: bool, depth: int) -> bytes | str:
    """One MIME entity: the message itself, a part, or a message in it."""
    if depth and not _fits(section, seven_bit):
        return "the header of a part has 8-bit octets or an over-long line"
    if _fits(body, seven_bit):
        return b"\r\n".join((section, body))
    if depth > _DEPTH:
        return f"the message is nested over {_DEPTH} deep"
    header = BytesHeaderParser().parsebytes(section)
    if depth == 0 and "mime-version" not in header:
        section += b"MIME-Version: 1.0\r\n"
    match header.get_content_maintype():
        case "multipart":
            recoded = _multipart(header, body, seven_bit, depth)
        case "message":
            recoded = _message(header, body, seven_bit, depth)
        case _:
            return _leaf(header, section, body)
    if isinstance(recoded, str):
        return recoded
    if seven_bit and "content-transfer-encoding" in header:
        section = _encoded_as(section, "7bit")
    return b"\r\n".join((section, recoded))


def _multipart(header: Message, body: bytes, seven_bit: bool, depth: int) -> bytes | str:
    if header.get_content_subtype() in ("signed", "encrypted"):
        return f"a {header.get_content_type()} part cannot be re-encoded"  # RFC 1847 section 2.1
    boundary = header.get_boundary()
    if boundary is None:
        return "a multipart has no boundary"
    marker = re.escape(boundary.encode(errors="surrogateescape"))
    pieces: list[bytes] = []
    done, inside = 0, False
    for found in re.finditer(rb"(?:\A|\r\n)--" + marker + rb"(--)?[ \t]*(?=\r\n|\Z)", body):
        piece = _piece(body[done : found.start()], inside, seven_bit, depth)
        if isinstance(piece, str):
            return piece
        pieces += (piece, found[0])
        done, inside = found.end(), found[1] is None
        if not inside:
            break
    last = _piece(body[done:], inside, seven_bit, depth)
    return last if isinstance(last, str) else b"".join((*pieces, last))


def _piece(text: bytes, inside: bool, seven_bit: bool, depth: int) -> bytes | str:
    """What stands between two delimiters, from the end of the first one's line: a part, or what is before and after all
    parts."""
    if _fits(text, seven_bit):
        return text
    if not inside:
        return "what does not fit the server stands outside the parts of a multipart"
    section, body = split(text[2:])
    recoded = _entity(section, body, seven_bit, depth + 1)
    return recoded if isinstance(recoded, str) else b"\r\n" + recoded


def _message(header: Message, body: bytes, seven_bit: bool, depth: int) -> bytes | str:
    """A message in the message. Only its own parts may be encoded (RFC 2046 section 5.2.1)."""
    if header.get_content_type() not in ("message/rfc822", "message/global"):
        return f"a {header.get_content_type()} part cannot be re-encoded"
    section, inner = split(body)
    return _entity(section, inner, seven_bit, depth + 1)


def _leaf(header: Message, section: bytes, body: bytes) -> bytes | str:
    encoding = str(header.get("content-transfer-encoding", "7bit")).strip().lower()
    textual = header.get_content_maintype() == "text"
    end = b"\r\n" if body.endswith(b"\r\n") else b""
    if encoding == "base64":
        try:
            body, textual = binascii.a2b_base64(body), False
        except binascii.Error as error:
            return f"a part is no base64: {error}"
    elif encoding == "quoted-printable":
        body = binascii.a2b_qp(body)
        textual = textual and body.endswith(end)  # else it ended in a soft line break, and base64 keeps that apart
    elif encoding not in _IDENTITY:
        return f"a part is encoded as {encoding[:40]!r}, which cannot be undone"
    if "content-type" not in header and not body.isascii():
        section += f"Content-Type: text/plain; charset={_charset(body)}\r\n".encode()
    encoded = _quoted_printable(body) if textual else _base64(body) + end
    return b"\r\n".join((_encoded_as(section, "quoted-printable" if textual else "base64"), encoded))


def split(octets: bytes) -> tuple[bytes, bytes]:
    """Header section (each line with its CRLF) and body; the empty line between them belongs to neither."""
    if octets.startswith(b"\r\n"):
        return b"", octets[2:]
    end = octets.find(b"\r\n\r\n")
    return (octets, b"") if end < 0 else (octets[: end + 2], octets[end + 4 :])


def _encoded_as(section: bytes, encoding: str) -> bytes:
    field = f"Content-Transfer-Encoding: {encoding}\r\n".encode()
    if _ENCODING.search(section):
        return _ENCODING.sub(field, section, count=1)
    return section + field


def _quoted_printable(body: bytes) -> bytes:
    # The first line end decides which one soft breaks are written with.
    return binascii.b2a_qp(b"\r\n" + body)[2:]


def _base64(body: bytes) -> bytes:
    return _BASE64_LINE.sub(rb"\g<0>\r\n", binascii.b2a_base64(body, newline=False)).removesuffix(b"\r\n")


def _charset(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "unknown-8bit"  # RFC 1428 section 3
    return "utf-8"
