"""Structured logs: one line an event, JSON or, on a terminal, for people."""

import asyncio
import atexit
import hmac
import re
import sys
import time
from typing import Any, TextIO, cast

import msgspec
import structlog

from feedback.event import rfc3339_second

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


_LINGER = 0.05
"""Seconds that lines may wait for each other: a write for each would cost as much as all else about them."""


class _Lines:
    """A stream for structlog's writer, whose `flush` comes after every line and here means: soon."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._due = False
        atexit.register(self.out)

    def write(self, text: str) -> None:
        self._lines.append(text)

    def flush(self) -> None:
        if self._due:
            return
        try:
            asyncio.get_running_loop().call_later(_LINGER, self.out)
            self._due = True
        except RuntimeError:  # no loop runs: nobody would come back for them
            self.out()

    def out(self) -> None:
        """Write what there is."""
        lines, self._lines, self._due = self._lines, [], False
        self._stream.write("".join(lines))
        self._stream.flush()


# An apostrophe belongs to an address where it stands between its letters (o'brien), not where it quotes one.
_WORD = r"""(?:(?<=\w)'(?=\w)|[^\s<>"'(),;:\[\]\\@]){1,320}"""
_ADDRESS = re.compile(rf"""(?:"(?:[^"\\]|\\.){{1,64}}"|{_WORD})@{_WORD}""")


class Hashed:
    """Writes `#` and a keyed hash in the place of every mail address: the same one for the same address, in all processes
    with the same key, so that a recipient's lines can still be found by whoever has the key and the address."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def __call__(self, _logger: Any, _name: str, event: Any) -> Any:
        return {key: self._blind(value) for key, value in event.items()}

    def _blind(self, value: Any) -> Any:
        match value:
            case str():
                return _ADDRESS.sub(self._hash, value) if "@" in value else value
            case dict():
                return {key: self._blind(each) for key, each in value.items()}
            case list() | tuple():
                return [self._blind(each) for each in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self._blind(str(value))

    def _hash(self, found: re.Match[str]) -> str:
        address = found[0].strip(".").lower().encode(errors="replace")
        return "#" + hmac.digest(self._key, address, "sha256").hex()[:16]


def configure(form: str, level: str, stream: TextIO = sys.stderr, *, hashed: Hashed | None = None) -> None:
    """`form`: `json`, `console`, or `auto` (console on a terminal). `hashed`: where addresses are not to be written."""
    console = form == "console" or (form == "auto" and stream.isatty())
    render: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer(serializer=_json)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _stamped,
            *([structlog.processors.format_exc_info] if not console or hashed else []),
            *([hashed] if hashed else []),
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Lines(stream))),
        cache_logger_on_first_use=True,
    )


def _stamped(_logger: Any, _name: str, event: Any) -> Any:
    """structlog's own stamp takes a fifth of all that a line costs."""
    now = time.time()
    event["timestamp"] = f"{rfc3339_second(int(now))}.{int(now % 1 * 1e6):06}Z"
    return event


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()
