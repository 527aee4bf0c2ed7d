"""Parts that are sent as binary (RFC 2045 section 6.2), whose octets are no lines.

A server could take them as they are (BINARYMIME, RFC 3030), but then every bare CR and LF in them would have to survive
signers, verifiers and gateways that know only lines; for a campaign's pictures that is worth nothing. So they become base64
before line ends are made alike and the message is signed, and arrive to the octet.
"""

import binascii
import re
from email.message import Message
from email.parser import BytesHeaderParser

_DEPTH = 50
_END = rb"(?>\r\n|\r|\n)"
_BLANK = re.compile(rb"(?:\A|" + _END + rb")(" + _END + rb")")
_FIRST = re.compile(_END)
_DECLARED = re.compile(rb"((?:\A|[\r\n])content-transfer-encoding:[ \t]*)binary(?=[ \t]*[\r\n])", re.IGNORECASE)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_LINE = 57  # octets that make 76 of base64


def has_binary(octets: bytes) -> bool:
    """Whether a part may say that it is binary. Quick when none does: backwards it takes half as long as `in`."""
    return (octets.rfind(b"inary") >= 0 or octets.rfind(b"INARY") >= 0) and _DECLARED.search(octets) is not None


def as_text(entity: bytes, depth: int = 0) -> bytes:
    """A message or part in which binary parts with a bare CR or LF are base64, but for those of text: they are lines after
    all. Line ends may be of any kind; everything else stays as it is."""
    found = _BLANK.search(entity)
    if found is None or depth > _DEPTH or not has_binary(entity):
        return entity
    section, body = entity[: found.end()], entity[found.end() :]
    header = BytesHeaderParser().parsebytes(section)
    match header.get_content_maintype():
        case "multipart":
            return section + _parts(header, body, found[1], depth)
        case "message":
            return section + as_text(body, depth + 1)
        case "text":
            return entity
    if not _BARE.search(body):
        return entity
    coded, declared = _DECLARED.subn(rb"\1base64", section, count=1)
    return coded + _base64(body) if declared else entity


def _parts(header: Message, body: bytes, end: bytes, depth: int) -> bytes:
    """The body of a multipart whose header's lines end with `end`."""
    boundary = header.get_boundary()
    if boundary is None or header.get_content_subtype() in ("signed", "encrypted"):
        return body
    marker = b"--" + boundary.encode(errors="surrogateescape")
    # The line end before a delimiter belongs to it, and a CR before that end to the part, if this one's lines end with LF.
    delimiter = _delimiter(end if end + marker in body else _END, re.escape(marker))
    pieces: list[bytes] = []
    done, inside = 0, False
    for found in delimiter.finditer(body):
        pieces += (_part(body[done : found.start()], inside, depth), found[0])
        done, inside = found.end(), found[1] is None
        if not inside:
            break
    return b"".join((*pieces, _part(body[done:], inside, depth)))


def _delimiter(end: bytes, marker: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:\A|" + end + rb")" + marker + rb"(--)?[ \t]*(?=[\r\n]|\Z)")


def _part(text: bytes, inside: bool, depth: int) -> bytes:
    """What stands after a delimiter, from the end of its line: a part, or what is before and after all parts."""
    first = _FIRST.match(text) if inside else None
    return text if first is None else first[0] + as_text(text[first.end() :], depth + 1)


def _base64(octets: bytes) -> bytes:
    lines = [binascii.b2a_base64(octets[at : at + _LINE], newline=False) for at in range(0, len(octets), _LINE)]
    return b"\r\n".join(lines)
