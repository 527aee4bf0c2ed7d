"""What an attempt and a server said to each other, noted as it goes and written out only where somebody will read it.

Of a message only its size is noted, of a login only its mechanism.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate, takewhile

from mta.reply import clean

Line = tuple[str, bytes]
"""Who said it, and the octets: `C` we, `S` the server, `-` nobody, it is a remark."""

MAX_LINE = 300
MAX_OCTETS = 4096
"""Bounds of a transcript: characters of a line, and octets of all its lines as UTF-8."""


def remark(text: str) -> Line:
    return "-", text.encode()


def veiled(command: bytes) -> bytes:
    """A command of a login without what must not be kept: AUTH and its mechanism stay, all else is blanked."""
    words = command.split()
    if words and words[0].upper() == b"AUTH":
        return b" ".join([*words[:2], *([b"***"] if len(words) > 2 else [])])
    return b"***"


def transcript(lines: Iterable[Line]) -> tuple[str, ...]:
    """The lines as text, each with who said it in front. Of one that is too long, the middle is left out: how it began and
    how it ended tells most."""
    written = list(_written(lines))
    room = MAX_OCTETS // 2
    head = _fitting(written, room)
    tail = _fitting(reversed(written[head:]), room)
    left_out = len(written) - head - tail
    if not left_out:
        return tuple(written)
    return (*written[:head], f"- {left_out} lines left out", *written[len(written) - tail :])


def _written(lines: Iterable[Line]) -> Iterator[str]:
    for who, octets in lines:
        for line in octets.splitlines():
            text = clean(line[: 4 * MAX_LINE].decode("utf-8", "surrogateescape"))
            yield f"{who} {text if len(text) <= MAX_LINE else text[: MAX_LINE - 1] + '…'}"


def _fitting(lines: Iterable[str], room: int) -> int:
    """How many of the first lines fit into so many octets."""
    sizes = accumulate(len(line.encode()) + 1 for line in lines)
    return sum(1 for _ in takewhile(lambda size: size <= room, sizes))
