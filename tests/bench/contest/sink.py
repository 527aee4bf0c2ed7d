"""The receiver: Debian's smtp-sink, which takes everything and keeps its count in a file."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.contest.cost import Group

_SMTP_SINK = "/usr/sbin/smtp-sink"


class Sink:
    """A running smtp-sink."""

    def __init__(self, counter: Path) -> None:
        self._counter = counter

    @property
    def count(self) -> int:
        """Messages taken so far."""
        with self._counter.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 100))
            counted = file.read().split(b"\r")
        return int(counted[-2].rpartition(b"mesg=")[2]) if len(counted) > 1 else 0


@contextmanager
def sink(address: str, port: int, folder: Path, group: Group) -> Iterator[Sink]:
    """One that counts and throws away."""
    counter = folder / "sink-count"
    with counter.open("wb") as output, group.inside():
        process = subprocess.Popen(
            [_SMTP_SINK, "-c", *_account(), "-m", "4000", f"{address}:{port}", "1000"], stdout=output
        )
    time.sleep(0.3)
    try:
        yield Sink(counter)
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def keeping_sink(address: str, port: int, folder: Path) -> Iterator[Path]:
    """One that keeps each message in a file of its own in the folder given."""
    kept = folder / "kept"
    kept.mkdir()
    kept.chmod(0o777)
    process = subprocess.Popen([_SMTP_SINK, *_account(), "-d", f"{kept}/", "-m", "4000", f"{address}:{port}", "1000"])
    time.sleep(0.3)
    try:
        yield kept
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(kept)


def _account() -> list[str]:
    return ["-u", "nobody"] if os.geteuid() == 0 else []
