"""Whether a message that arrived is the one that was given. Goes by the documentation, not by the code that is tested.

What may differ: every line end is CRLF, and there is one at the end; Date and Message-ID stand before the message where it
had none; and if its body has a NUL, a line of over 998 octets, or 8-bit octets towards a server that takes none, its parts
may have another transfer encoding of the same content.
"""

import re
from email import message_from_bytes
from email.message import Message
from itertools import zip_longest

_SIGNATURE = re.compile(rb"DKIM-Signature: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*")
_DATE = re.compile(rb"Date: [^\r\n]+\r\n")
_MESSAGE_ID = re.compile(rb"Message-ID: <[^\r\n]+>\r\n")
_RECODED = frozenset(("mime-version", "content-type", "content-transfer-encoding"))


def difference(given: bytes, arrived: bytes, *, signatures: int, seven_bit: bool) -> str | None:
    """What differs and must not, or None."""
    wanted = _normalised(given)
    for _ in range(signatures):
        found = _SIGNATURE.match(arrived)
        if found is None:
            return "a signature is missing"
        arrived = arrived[found.end() :]
    for name, pattern in ((b"date", _DATE), (b"message-id", _MESSAGE_ID)):
        if not re.search(rb"^" + name + rb"[ \t]*:", wanted.partition(b"\r\n\r\n")[0], re.MULTILINE | re.IGNORECASE):
            found = pattern.match(arrived)
            if found is None:
                return f"no {name.decode()} was added"
            arrived = arrived[found.end() :]
    if not _changes(wanted, seven_bit):
        return None if arrived == wanted else where(wanted, arrived)
    return _recoded(wanted, arrived, seven_bit)


def _normalised(given: bytes) -> bytes:
    lines = re.split(rb"\r\n|\r|\n", given)
    if lines[-1] == b"":
        lines.pop()
    whole = b"".join(line + b"\r\n" for line in lines)
    return whole if b"\r\n\r\n" in whole else whole + b"\r\n"


def _changes(wanted: bytes, seven_bit: bool) -> bool:
    body = wanted.partition(b"\r\n\r\n")[2]
    return b"\0" in body or any(len(line) > 998 for line in body.split(b"\r\n")) or (seven_bit and not body.isascii())


def _recoded(wanted: bytes, arrived: bytes, seven_bit: bool) -> str | None:
    if _changes(arrived, seven_bit):
        return "what arrived does not fit the server"
    for before, after in zip_longest(message_from_bytes(wanted).walk(), message_from_bytes(arrived).walk()):
        if before is None or after is None:
            return "the parts are not as many"
        if _fields(before) != _fields(after):
            return f"headers differ: {set(_fields(before)) ^ set(_fields(after))}"
        if "content-type" in before and _type(before) != _type(after):
            return "the content type of a part differs"
        if _content(before) != _content(after):
            return f"the content of a {before.get_content_type()} part differs"
    return None


def _fields(part: Message) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in part.raw_items() if name.lower() not in _RECODED]


def _type(part: Message) -> object:
    return part.get_content_type(), part.get_params()


def _content(part: Message) -> object:
    if part.is_multipart():
        return part.preamble, part.epilogue
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    # How many line ends the last line of an encoded text has is nobody's content.
    return content.rstrip(b"\r\n")


def where(wanted: bytes, arrived: bytes) -> str:
    """The first place where two messages differ."""
    at = next((index for index, (a, b) in enumerate(zip(wanted, arrived, strict=False)) if a != b), None)
    at = min(len(wanted), len(arrived)) if at is None else at
    return f"differs at octet {at}: {wanted[max(0, at - 40) : at + 40]!r} became {arrived[max(0, at - 40) : at + 40]!r}"
