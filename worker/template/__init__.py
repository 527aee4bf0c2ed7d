"""A message with `{column}` in it, made into one recipient's message.

Everything but the placeholders stays octet for octet; braces that name no column stay as they are. Values are text, not
markup, and each is written in the way of the place it goes to:

- in the text parts (`text/*`; never in attachments, signed parts or messages within the message): in the part's charset and
  transfer encoding, UTF-8 where the part names no charset. Quoted-printable gets soft line breaks around a value; a base64
  part is decoded, filled and encoded anew. In `text/html` the characters that are markup are escaped.
- in headers: on one line, whatever the value holds. A field that becomes non-ASCII is written anew as encoded words
  (RFC 2047); in address fields names are quoted where they must be; within the angle brackets of List- fields what no URI
  may hold is percent-encoded. A field that is raw UTF-8 already (RFC 6532) stays so.

What cannot be written, as a non-ASCII value in Message-ID or a letter that the part's charset lacks, is a fault of the row.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from mta.message import crlf
from mta.recode import split
from worker.template.field import fields
from worker.template.part import entity
from worker.template.slot import Need, Segment, Slots

_NAME = re.compile(rb"\{([A-Za-z][A-Za-z0-9_]{0,63})\}")
_MANY = 10


@dataclass(frozen=True, slots=True)
class Template:
    """A message cut at its placeholders, with the line ends it will be sent with."""

    segments: tuple[Segment, ...]
    needs: tuple[Need, ...]

    @classmethod
    def read(cls, octets: bytes, columns: Sequence[str]) -> Self:
        """The template in `octets`, where `{name}` stands for the value of each column."""
        whole = crlf(octets)
        if not columns:
            return cls((whole,), ())
        slots = Slots(tuple(columns))
        section, body = split(whole)
        segments = fields(section, slots) if section == whole else entity(section, body, slots)
        return cls(_merged(segments), tuple(slots.needs))

    @property
    def personal(self) -> bool:
        """Whether there is any placeholder at all."""
        return any(not isinstance(segment, bytes) for segment in self.segments)

    @property
    def strays(self) -> list[str]:
        """What else stands in braces like a column's name, and stays as it is: perhaps one that is misspelt."""
        found = (_NAME.findall(segment) for segment in self.segments if isinstance(segment, bytes))
        return list(dict.fromkeys(name.decode("ascii") for names in found for name in names))[:_MANY]

    def fill(self, row: Mapping[str, str]) -> bytes:
        """The message for `row`, which has no `fault`."""
        return b"".join(segment if isinstance(segment, bytes) else segment(row) for segment in self.segments)

    def fault(self, row: Mapping[str, str]) -> str | None:
        """What in `row` cannot be written where it is wanted, in words."""
        return next((text for need in self.needs if (text := need.fault(row)) is not None), None)


def _merged(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    merged: list[Segment] = []
    for segment in segments:
        if isinstance(segment, bytes) and merged and isinstance(merged[-1], bytes):
            merged[-1] += segment
        else:
            merged.append(segment)
    return tuple(merged)
