"""What a mail server delivered into a Maildir, as it was received."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.services.start import wait_until

# What mail servers put before a message: their own trace and delivery headers.
_ADDED = re.compile(
    rb"(?:(?:Return-Path|X-Original-To|Delivered-To|Envelope-To):[^\n]*\n)*"
    rb"(?:Received: from [^\n]*\n(?:[ \t][^\n]*\n)*)?",
    re.IGNORECASE,
)
_SENDER = re.compile(rb"^Return-Path: <(.*)>$", re.MULTILINE | re.IGNORECASE)
_RCPT = re.compile(rb"^(?:Delivered|Envelope)-To: (.*)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message in the Maildir. `message` has CRLF line ends and is what was received: the server's headers are taken
    off."""

    sender: str
    rcpt: str
    message: bytes
    trace: bytes


class Maildir:
    """The folder that a server delivers to. Synchronous: called from fixtures, or from tests in a thread.

    `kept`: the server keeps line ends as they came; else it turns CRLF into LF, and that is undone. `log`: what the server
    says, for when nothing comes.
    """

    def __init__(self, box: Path, log: Callable[[], str] = lambda: "", kept: bool = False) -> None:
        self._new = box / "new"
        self._log = log
        self._kept = kept

    @property
    def count(self) -> int:
        """Messages delivered so far."""
        return len(self._files())

    def arrived(self) -> list[Arrived]:
        """Every message delivered so far, in no order."""
        return [_read(Path(path).read_bytes(), self._kept) for path in self._files()]

    def wait(self, count: int, seconds: float = 60) -> list[Arrived]:
        """Every message delivered, once there are at least `count`."""
        wait_until(
            lambda: self.count >= count,
            f"{count} messages",
            lambda: f"{self.count} came\n{self._log()[-3000:]}",
            seconds,
        )
        return self.arrived()

    def clear(self) -> None:
        """Forget what was delivered so far."""
        for path in self._files():
            os.unlink(path)

    def _files(self) -> list[str]:
        return [entry.path for entry in os.scandir(self._new)] if self._new.is_dir() else []


def _read(octets: bytes, kept: bool) -> Arrived:
    added = _ADDED.match(octets)
    assert added is not None
    trace, rest = added[0], octets[added.end() :]
    sender, rcpt = _SENDER.search(trace), _RCPT.search(trace)
    assert rcpt is not None, octets[:500]
    by = "" if sender is None else sender[1].decode()  # opensmtpd says nothing of the null reverse-path
    return Arrived(by, rcpt[1].decode(), rest if kept else rest.replace(b"\n", b"\r\n"), trace)
