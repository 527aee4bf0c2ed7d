"""Octets to answers: what a server sends, cut into whole replies (RFC 5321 section 4.2).

A server may be hostile or broken, so a reply is bounded, its code is one that SMTP knows, and all its lines carry the same
code (section 4.2.1): a refusal must not be able to end as an acceptance.
"""

from typing import NamedTuple

from aiosmtplib.errors import SMTPResponseException

from mta.reply import MAX_TEXT, Reply, clean

MAX_LINE = 8 * 1024
MAX_REPLY = 32 * 1024
"""Octets: sixteen times the line of RFC 5321 section 4.5.3.1.5, and room for any EHLO."""

_CODES = {b"%d" % code: code for code in range(200, 600)}
_SPACE, _HYPHEN, _CR, _LF = b" -\r\n"


class Answer(NamedTuple):
    """One reply as it came; its text is only looked at by those who need it."""

    code: int
    octets: bytes

    @property
    def positive(self) -> bool:
        return self.code < 300

    @property
    def negative(self) -> bool:
        return self.code >= 400

    def lines(self) -> list[str]:
        """The text of each line; octets that are no UTF-8 become lone surrogates (PEP 383)."""
        return [line[4:].decode("utf-8", "surrogateescape").strip() for line in self.octets.splitlines()]

    def reply(self) -> Reply:
        """The reply that logs, rules and people read."""
        if self.octets.isascii() and self.octets.count(b"\n") == 1:
            text = self.octets[4:].strip().decode("ascii")
            if text.isprintable() and "  " not in text and len(text) <= MAX_TEXT:
                return Reply(self.code, text)  # already as clean as most are
        return Reply(self.code, clean("\n".join(self.lines())))


class Answers:
    """Cuts answers off a stream of octets; each line is read once, however slowly it drips in."""

    __slots__ = ("_code", "_octets", "_start")

    def __init__(self) -> None:
        self._octets = bytearray()
        self._start = 0  # where the first line begins that was not read yet
        self._code: int | None = None  # of the lines read so far

    def __bool__(self) -> bool:
        """Octets are left that are no whole answer yet."""
        return bool(self._octets)

    def feed(self, octets: bytes) -> None:
        self._octets += octets

    def clear(self) -> None:
        self._octets.clear()
        self._start, self._code = 0, None

    def take(self) -> Answer | None:
        """The next whole answer, or None while there is none.

        Raises:
            SMTPResponseException: what came never will be one. The stream is of no more use.
        """
        octets = self._octets
        while (end := octets.find(b"\n", self._start)) >= 0:
            if end - self._start > MAX_LINE or end >= MAX_REPLY:
                raise garbage("a reply that is too long")
            start, self._start = self._start, end + 1
            if self._code is None and bytes(octets[start:end]) in (b"", b"\r"):
                continue  # an empty line before a reply hides nothing
            if self._last(start):
                answer = Answer(self._code or 0, bytes(octets[: end + 1]).lstrip(b"\r\n"))
                del octets[: end + 1]
                self._start, self._code = 0, None
                return answer
        if len(octets) - self._start > MAX_LINE or len(octets) > MAX_REPLY:
            raise garbage("a reply that is too long")
        if self._code is None and self._start:
            del octets[: self._start]
            self._start = 0
        return None

    def _last(self, start: int) -> bool:
        """Whether the line at `start` ends its reply."""
        code = _CODES.get(bytes(self._octets[start : start + 3]))
        mark = self._octets[start + 3] if code is not None else 0
        if mark not in (_SPACE, _HYPHEN, _CR, _LF):
            raise garbage(f"no SMTP reply: {_shown(self._octets[start : start + 80])}")
        if self._code is not None and code != self._code:
            raise garbage(f"one reply with two codes: {self._code} and {code}")
        self._code = code
        return mark != _HYPHEN


def garbage(text: str) -> SMTPResponseException:
    """What came is no answer, or none to what was asked."""
    return SMTPResponseException(-1, text)


def _shown(octets: bytearray) -> str:
    return clean(octets.split(b"\n")[0].decode("utf-8", "surrogateescape"))
