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
_MARKS = (b" ", b"-", b"\r", b"\n")


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
        lines = self.octets.removesuffix(b"\n").split(b"\n")
        return [line[4:].decode("utf-8", "surrogateescape").strip() for line in lines]

    def reply(self) -> Reply:
        """The reply that logs, rules and people read."""
        if self.octets.isascii() and self.octets.count(b"\n") == 1:
            text = self.octets[4:].strip().decode("ascii")
            if text.isprintable() and "  " not in text and len(text) <= MAX_TEXT:
                return Reply(self.code, text)  # already as clean as most are
        return Reply(self.code, clean("\n".join(self.lines())))


class Answers:
    """Cuts answers off a stream of octets; each line is read once, however slowly they drip in."""

    __slots__ = ("_begin", "_code", "_octets", "_start")

    def __init__(self) -> None:
        self._octets = b""
        self._begin = 0  # of the reply that is being read
        self._start = 0  # of its first line that was not read yet
        self._code: int | None = None  # of its lines so far

    def __bool__(self) -> bool:
        """Octets are left that are no whole answer yet."""
        return self._begin < len(self._octets)

    def feed(self, octets: bytes) -> None:
        rest = self._octets[self._begin :]
        self._octets = rest + octets if rest else octets
        self._start -= self._begin
        self._begin = 0

    def clear(self) -> None:
        self._octets, self._begin, self._start, self._code = b"", 0, 0, None

    def take(self) -> Answer | None:
        """The next whole answer, or None while there is none.

        Raises:
            SMTPResponseException: what came never will be one. The stream is of no more use.
        """
        octets = self._octets
        while (end := octets.find(b"\n", self._start)) >= 0:
            start, self._start = self._start, end + 1
            if self._code is None and octets[start + 3 : start + 4] == b" " and end - start <= MAX_LINE:
                code = _CODES.get(octets[start : start + 3])
                if code is not None:  # a reply of one line, as nearly all are
                    answer = Answer(code, octets[start : end + 1])
                    self._begin = end + 1
                    return answer
            if end - start > MAX_LINE or end - self._begin >= MAX_REPLY:
                raise garbage("a reply that is too long")
            if self._code is None and octets[start:end] in (b"", b"\r"):
                self._begin = self._start  # an empty line before a reply hides nothing
            elif self._is_last(start):
                answer = Answer(self._code or 0, octets[self._begin : end + 1])
                self._begin, self._code = end + 1, None
                return answer
        if len(octets) - self._start > MAX_LINE or len(octets) - self._begin > MAX_REPLY:
            raise garbage("a reply that is too long")
        return None

    def _is_last(self, start: int) -> bool:
        """Whether the line at `start` ends its reply."""
        octets = self._octets
        code, mark = _CODES.get(octets[start : start + 3]), octets[start + 3 : start + 4]
        if code is None or mark not in _MARKS:
            line = octets[start : start + 80].split(b"\n")[0].decode("utf-8", "surrogateescape")
            raise garbage(clean(f"no SMTP reply: {line}"))
        if self._code is not None and code != self._code:
            raise garbage(f"one reply with two codes: {self._code} and {code}")
        self._code = code
        return mark != b"-"


def garbage(text: str) -> SMTPResponseException:
    """What came is no answer, or none to what was asked."""
    return SMTPResponseException(-1, text)
