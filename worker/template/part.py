"""MIME entities: which parts are text, and how a value is written in each (RFC 2045, RFC 2046)."""

import binascii
import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

from mta.recode import split
from worker.template.field import fields
from worker.template.slot import Need, Piece, Row, Segment, Slots, cut

_DEPTH = 50
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BASE64_LINE = re.compile(rb"[^\r\n]{76}")
_QUOTED = {octet: f"={octet:02X}" for octet in range(256) if octet == 0x3D or not 0x20 <= octet <= 0x7E}
_CHUNK = 24  # octets a line of a quoted-printable value, so that none is over 76 characters (RFC 2045 section 6.7)


@dataclass(frozen=True, slots=True)
class _Script:
    """How text becomes the octets of one part, before any transfer encoding."""

    charset: str
    markup: bool

    def write(self, value: str) -> bytes:
        text = _LINE_END.sub("\r\n", _CONTROL.sub("", value))
        if self.markup:
            return html.escape(text).encode(self.charset, "xmlcharrefreplace")
        return text.encode(self.charset)


def entity(section: bytes, body: bytes, slots: Slots, depth: int = 0) -> list[Segment]:
    """The segments of the entity with this header section (each line with its CRLF) and body."""
    header = BytesHeaderParser().parsebytes(section)
    head = fields(section, slots) if depth == 0 else [section]
    return [*head, b"\r\n", *_body(header, body, slots, depth)]


def _body(header: Message, body: bytes, slots: Slots, depth: int) -> list[Segment]:
    match header.get_content_maintype():
        case "multipart" if header.get_content_subtype() not in ("signed", "encrypted") and depth < _DEPTH:
            return _multipart(header.get_boundary(), body, slots, depth)
        case "text" if header.get_content_disposition() != "attachment":
            return _text(header, body, slots)
        case _:
            return [body]


def _multipart(boundary: str | None, body: bytes, slots: Slots, depth: int) -> list[Segment]:
    if boundary is None:
        return [body]
    marker = re.escape(boundary.encode(errors="surrogateescape"))
    segments: list[Segment] = []
    done = 0
    for found in re.finditer(rb"(?:\A|\r\n)--" + marker + rb"(--)?[ \t]*(?=\r\n|\Z)", body):
        segments += _part(body[done : found.start()], slots, depth) if done else [body[: found.start()]]
        segments.append(found[0])
        done = found.end()
        if found[1] is not None:
            return [*segments, body[done:]]
    return [*segments, *_part(body[done:], slots, depth)] if done else [body]


def _part(octets: bytes, slots: Slots, depth: int) -> list[Segment]:
    """A part with the line end that closes its delimiter line."""
    section, body = split(octets[2:])
    if octets[2:] == section:  # a header section and nothing behind it
        return [octets]
    return [octets[:2], *entity(section, body, slots, depth + 1)]


def _text(header: Message, body: bytes, slots: Slots) -> list[Segment]:
    charset = header.get_content_charset() or "utf-8"
    if not _spells_ascii(charset):
        return [body]
    script = _Script(charset, markup=header.get_content_subtype() == "html")
    place = f"the {header.get_content_type()} part"
    match str(header.get("content-transfer-encoding", "7bit")).strip().lower():
        case "quoted-printable":
            segments = cut(body, slots.in_quoted_printable(body, charset), _quoted_printable(script))
        case "base64":
            return _base64(body, script, place, slots)
        case "7bit" | "8bit" | "binary":
            segments = cut(body, slots.in_octets(body, charset), _as_it_is(script))
        case _:
            return [body]
    _note(segments, script, place, slots)
    return segments


def _spells_ascii(charset: str) -> bool:
    try:
        return "{}".encode(charset) == b"{}"
    except LookupError:
        return False


def _note(segments: list[Segment], script: _Script, place: str, slots: Slots) -> None:
    """Remember what the values of this part need. Markup can write any character as a reference."""
    if script.markup or script.charset in ("utf-8", "utf8"):
        return
    columns = {segment.column: None for segment in segments if isinstance(segment, _Value)}
    slots.needs.extend(Need(column, script.charset, place) for column in columns)


@dataclass(frozen=True, slots=True)
class _Value:
    """A piece that writes the value of one column."""

    column: str
    write: Callable[[str], bytes]

    def __call__(self, row: Row) -> bytes:
        return self.write(row[self.column])


def _as_it_is(script: _Script) -> Callable[[str], Piece]:
    return lambda column: _Value(column, script.write)


def _quoted_printable(script: _Script) -> Callable[[str], Piece]:
    return lambda column: _Value(column, lambda value: _quote(script.write(value)))


def _quote(octets: bytes) -> bytes:
    # On lines of its own, by soft line breaks, a value cannot make any other line too long.
    lines = (_quote_line(line) for line in octets.split(b"\r\n"))
    return b"=\r\n" + b"\r\n".join(lines) + b"=\r\n"


def _quote_line(line: bytes) -> bytes:
    chunks = (line[at : at + _CHUNK].decode("latin-1").translate(_QUOTED) for at in range(0, len(line), _CHUNK))
    quoted = "=\r\n".join(chunks)
    return (quoted[:-1] + "=20" if quoted.endswith(" ") else quoted).encode("ascii")


def _base64(body: bytes, script: _Script, place: str, slots: Slots) -> list[Segment]:
    try:
        text = binascii.a2b_base64(body)
    except binascii.Error:
        return [body]
    inner = cut(text, slots.in_octets(text, script.charset), _as_it_is(script))
    if len(inner) == 1:
        return [body]
    _note(inner, script, place, slots)
    end = body[len(body.rstrip(b"\r\n")) :]

    def encoded(row: Row) -> bytes:
        filled = b"".join(segment if isinstance(segment, bytes) else segment(row) for segment in inner)
        lines = _BASE64_LINE.sub(rb"\g<0>\r\n", binascii.b2a_base64(filled, newline=False))
        return lines.removesuffix(b"\r\n") + end

    return [encoded]
