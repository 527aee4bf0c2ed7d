"""What a sink took, kept as a Maildir with an index beside it."""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message taken, for each of its recipients. `content` is exactly what was received, dot-stuffing removed.

    `tls` is the protocol version, None in clear; `body` what the client declared: 7BIT, 8BITMIME; `at` POSIX seconds.
    """

    sender: str
    rcpts: tuple[str, ...]
    content: bytes
    at: float
    peer: str
    helo: str
    tls: str | None
    body: str
    smtputf8: bool


class Maildir:
    """A Maildir at `root`, made if it is missing. Files have CRLF line ends: their octets are those received.

    `index.jsonl` beside the folders has one line for each message and recipient, written when the file is in `new`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._tail = f"{os.getpid()}.{time.time_ns()}"
        self._number = 0
        for folder in ("tmp", "new", "cur"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        self._tmp, self._new = f"{root}/tmp/", f"{root}/new/"
        self._index = os.open(root / "index.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, mail: Mail) -> None:
        """Store one message; `OSError` when the disk does not take it."""
        self._number += 1
        name = f"{int(mail.at)}.{self._number}_{self._tail}.sink"
        handle = os.open(self._tmp + name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            _write(handle, mail.content)
        finally:
            os.close(handle)
        os.rename(self._tmp + name, self._new + name)
        _write(self._index, b"".join(_line(mail, rcpt, name) for rcpt in mail.rcpts))

    def close(self) -> None:
        os.close(self._index)


def _write(handle: int, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _line(mail: Mail, rcpt: str, name: str) -> bytes:
    entry = {
        "rcpt": rcpt,
        "from": mail.sender,
        "file": f"new/{name}",
        "at": datetime.fromtimestamp(mail.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "tls": mail.tls,
        "size": len(mail.content),
        "peer": mail.peer,
        "helo": mail.helo,
        "body": mail.body,
        "smtputf8": mail.smtputf8,
    }
    return msgspec.json.encode(entry) + b"\n"
