"""Header fields: how a value is written in each kind (RFC 5322, RFC 2047, RFC 2369, RFC 6532)."""

import re
from collections.abc import Callable, Iterator
from email.errors import HeaderParseError
from email.header import Header, decode_header, make_header
from email.policy import SMTP
from urllib.parse import quote

from mta.envelope import Mailbox, parse_mailbox
from worker.template.slot import Need, Row, Segment, Slots

_FIELD = re.compile(rb"(?s:.+?)(?:\r\n(?![ \t])|\Z)")
_FIELD_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_FOLD = re.compile(r"\r\n(?=[ \t])")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WORDS = re.compile(r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=(?:\s+=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=)*")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ \u00a0-\U0010ffff-]*")
_URI = "!#$%&'()*+,/:;=?@[]-._~"  # every character an RFC 3986 URI may have, besides letters and digits
_LONG = 900

_ADDRESSES = frozenset(
    b"from sender reply-to to cc bcc resent-from resent-sender resent-to resent-cc disposition-notification-to".split()
)
_TOKENS = frozenset(
    b"date message-id in-reply-to references mime-version received return-path dkim-signature feedback-id".split()
)


def fields(section: bytes, slots: Slots) -> list[Segment]:
    """The segments of a header section."""
    return [_field(found[0], slots) for found in _FIELD.finditer(section)]


def _field(raw: bytes, slots: Slots) -> Segment:
    name = _FIELD_NAME.match(raw)
    if name is None:
        return raw
    try:
        source = raw.decode()
    except UnicodeDecodeError:  # in no charset that the field could tell
        return raw
    kind = name[1].lower()
    if kind in _ADDRESSES:
        return _addresses(source, slots) or raw
    if kind.startswith(b"list-"):
        return _uris(source, slots) or raw
    if kind in _TOKENS or kind.startswith(b"content-"):
        return _tokens(source, slots) or raw
    return _text(source, slots) or raw


# Unstructured text


def _text(source: str, slots: Slots) -> Segment | None:
    name, _, value = source.partition(":")
    plain = _decoded(value) if "=?" in value else value
    if plain is None:
        return None
    literal = plain == value
    filled = _filler(plain, slots, lambda value, _: one_line(value))
    if filled is None:
        return None

    def written(row: Row) -> bytes:
        text = filled(row)
        if literal and (not source.isascii() or (text.isascii() and len(text) < _LONG)):
            return f"{name}:{text}".encode()
        return f"{name}: {_encoded(name, _unfolded(text))}\r\n".encode()

    return written


def _decoded(value: str) -> str | None:
    """The text behind the encoded words of a field, or None when they cannot be read."""
    try:
        return str(make_header(decode_header(_unfolded(value))))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return None


def _encoded(name: str, text: str) -> str:
    return Header(text, "utf-8", maxlinelen=76, header_name=name).encode(linesep="\r\n")


# Addresses


def _addresses(source: str, slots: Slots) -> Segment | None:
    name, _, value = source.partition(":")
    literal = "=?" not in value
    plain = value if literal else _WORDS.sub(lambda found: _quoted(_decoded(found[0]) or found[0]), value)
    filled = _filler(plain, slots, _in_address)
    if filled is None:
        return None
    bracketed = [column for start, _, column in slots.in_text(plain) if _place(plain, start) != '"']

    def written(row: Row) -> bytes:
        text = filled(row)
        address_beyond_ascii = any(not row[column].isascii() and _is_mailbox(row[column]) for column in bracketed)
        if address_beyond_ascii or not source.isascii():
            return f"{name}:{text}".encode() if literal else f"{name}: {_unfolded(text)}\r\n".encode()
        if literal and text.isascii() and len(text) < _LONG:
            return f"{name}:{text}".encode()
        folded: str = SMTP.header_factory(name, _unfolded(text)).fold(policy=SMTP)
        return folded.encode()

    return written


def _in_address(value: str, place: str) -> str:
    text = one_line(value)
    match place:
        case '"':
            return text.replace("\\", "\\\\").replace('"', '\\"')
        case "<":
            return re.sub(r"[\s<>]", "", text)
        case _:
            return text if _PHRASE.fullmatch(text) or _is_mailbox(text) else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _is_mailbox(value: str) -> bool:
    return isinstance(parse_mailbox(value), Mailbox)


# URIs, and fields that are tokens


def _uris(source: str, slots: Slots) -> Segment | None:
    found = list(slots.in_text(source))
    _need_ascii(source, [column for start, _, column in found if _place(source, start) != "<"], slots)
    return _plainly(source, slots, lambda value, place: quote(value, safe=_URI) if place == "<" else one_line(value))


def _tokens(source: str, slots: Slots) -> Segment | None:
    _need_ascii(source, [column for _, _, column in slots.in_text(source)], slots)
    return _plainly(source, slots, lambda value, _: one_line(value))


def _plainly(source: str, slots: Slots, write: Callable[[str, str], str]) -> Segment | None:
    filled = _filler(source, slots, write)
    if filled is None:
        return None
    return lambda row: filled(row).encode()


def _need_ascii(source: str, columns: list[str], slots: Slots) -> None:
    if source.isascii():
        slots.needs.extend(Need(column, "us-ascii", f"header {source.partition(':')[0]}") for column in columns)


# All of them


def _filler(source: str, slots: Slots, write: Callable[[str, str], str]) -> Callable[[Row], str] | None:
    """What puts the values in; None when there is no placeholder. `write` gets each value and the place it goes to."""
    parts: list[str | tuple[str, str]] = []
    done = 0
    for start, end, column in slots.in_text(source):
        parts += (source[done:start], (column, _place(source, start)))
        done = end
    if not parts:
        return None
    parts.append(source[done:])
    return lambda row: "".join(part if isinstance(part, str) else write(row[part[0]], part[1]) for part in parts)


def _place(source: str, position: int) -> str:
    """What is open at `position`: a quoted string, angle brackets, or neither."""
    opened = ""
    for character in _unescaped(source[:position]):
        match opened, character:
            case "", '"' | "<":
                opened = character
            case ('"', '"') | ("<", ">"):
                opened = ""
    return opened


def _unescaped(text: str) -> Iterator[str]:
    return iter(re.sub(r"\\.", "", text))


def one_line(value: str) -> str:
    """`value` without line ends or other control characters, so that it cannot begin a field of its own."""
    return _UNPRINTABLE.sub(" ", value)


def _unfolded(text: str) -> str:
    return _FOLD.sub("", text).strip()
