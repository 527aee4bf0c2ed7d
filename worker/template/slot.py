"""Placeholders: where they are, and what their values must be able to become."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Row = Mapping[str, str]
Piece = Callable[[Row], bytes]
Segment = bytes | Piece
"""Octets as they stand, or what makes the octets out of a row."""

_SOFT_BREAK = rb"(?:=[ \t]*\r\n)?"


@dataclass(frozen=True, slots=True)
class Need:
    """The values of `column` must be writable in `charset`, the one of `place`."""

    column: str
    charset: str
    place: str

    def fault(self, row: Row) -> str | None:
        value = row[self.column]
        if value.isascii():
            return None
        try:
            value.encode(self.charset)
        except UnicodeEncodeError:
            return f"column {self.column!r}: {value!r} cannot be written in {self.charset}, the charset of {self.place}"
        return None


@dataclass(frozen=True, slots=True)
class Slots:
    """The columns that may stand in braces; `needs` grows as the template is read."""

    columns: tuple[str, ...]
    needs: list[Need] = field(default_factory=list)

    def in_text(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and column of each placeholder."""
        pattern = r"\{(?:" + "|".join(f"({re.escape(column)})" for column in self.columns) + r")\}"
        return self._found(re.finditer(pattern, text))

    def in_octets(self, octets: bytes, charset: str) -> Iterator[tuple[int, int, str]]:
        names = (_name(column, charset) for column in self.columns)
        pattern = rb"\{(?:" + b"|".join(b"(" + re.escape(name) + b")" for name in names) + rb")\}"
        return self._found(re.finditer(pattern, octets))

    def in_quoted_printable(self, octets: bytes, charset: str) -> Iterator[tuple[int, int, str]]:
        """The same where any octet may be written as `=XX`, and a soft line break may come between any two."""
        names = (_name(column, charset) for column in self.columns)
        choice = b"|".join(b"(" + _SOFT_BREAK.join(map(_either, name)) + b")" for name in names)
        pattern = _SOFT_BREAK.join((_either(ord("{")), b"(?:" + choice + b")", _either(ord("}"))))
        return self._found(re.finditer(pattern, octets))

    def _found(self, matches: Iterator[re.Match[str]] | Iterator[re.Match[bytes]]) -> Iterator[tuple[int, int, str]]:
        for found in matches:
            assert found.lastindex is not None  # one group a column
            yield found.start(), found.end(), self.columns[found.lastindex - 1]


def _name(column: str, charset: str) -> bytes:
    return column.encode(charset, "xmlcharrefreplace")


def _either(octet: int) -> bytes:
    return b"(?:" + re.escape(bytes((octet,))) + b"|(?i:=%02X))" % octet


def cut(octets: bytes, found: Iterator[tuple[int, int, str]], piece: Callable[[str], Piece]) -> list[Segment]:
    """`octets` in segments: each placeholder found becomes the `piece` of its column."""
    segments: list[Segment] = []
    done = 0
    for start, end, column in found:
        segments += (octets[done:start], piece(column))
        done = end
    return [*segments, octets[done:]]
