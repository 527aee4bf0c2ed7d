"""What a server answered: a code to act on and a text to read (RFC 5321 section 4.2).

The code alone decides what a client does next (section 4.2.1); the text, and the enhanced status code in it (RFC 3463),
only say why. Reply text is written by strangers: it is cleaned here, once, before anything logs, stores or matches it.
"""

import re

from msgspec import Struct

MAX_TEXT = 1024
"""Characters of a reply that are kept; what a longer one says after that has never been worth a row."""

_ENHANCED = re.compile(r"\A\s*(?:[#(\[]\s*)?([245]\.\d{1,3}\.\d{1,3})\b")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Reply(Struct, frozen=True):
    """One whole reply; lines of a multi-line reply are joined by a blank."""

    code: int
    text: str

    @property
    def positive(self) -> bool:
        return 200 <= self.code < 300

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        return 500 <= self.code < 600

    @property
    def enhanced(self) -> str | None:
        """The enhanced status code at the head of the text, when its class agrees with the code (RFC 3463 section 2)."""
        found = _ENHANCED.match(self.text)
        if found is None or found[1][0] != str(self.code)[0]:
            return None
        return found[1]

    @property
    def line(self) -> str:
        """Code and text as one line, the form that logs, rules and people read."""
        return f"{self.code} {self.text}".rstrip()


def clean(text: str) -> str:
    """`text` on one line, without control characters or lone surrogates, at most `MAX_TEXT` characters."""
    return " ".join(_UNPRINTABLE.sub(_escape, text.replace("\r\n", " ").replace("\n", " ")).split())[:MAX_TEXT]


def _escape(found: re.Match[str]) -> str:
    # Undecodable octets arrive as lone surrogates U+DC80..DCFF (PEP 383).
    point = ord(found[0])
    if found[0] in "\t\r\v\f":
        return " "
    return f"\\x{point - 0xDC00 if 0xDC80 <= point <= 0xDCFF else point:02x}"
