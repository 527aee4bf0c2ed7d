"""What a contestant is to the race, and the things it is given to start with."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.bench.contest.cost import Group
from tests.bench.contest.load import Load

START_SECONDS = 40


class NotHere(Exception):
    """The contestant cannot run on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a contestant runs. `folder` is its own; `sink` the port of the receiver; `tools` where peers are unpacked.

    `own` counts its processes, `backing` those of its broker and store, `feeding` whoever gives it the mail. `worker` are
    arguments of the interpreter that run the worker otherwise than usual, to look into it.
    """

    folder: Path
    tools: Path
    key: Path
    sink: int
    own_network: bool
    own: Group
    backing: Group
    feeding: Group
    worker: tuple[str, ...] = ()


class Feed(Protocol):
    """Mail ready to be handed over."""

    def go(self) -> None:
        """Begin now."""

    def ended(self) -> int | None:
        """Its exit code once all is handed over, else None."""


class Running(Protocol):
    """A contestant that has started."""

    def feed(self, load: Load) -> Feed: ...

    def check(self, load: Load) -> str | None:
        """What it has to say against the run just over, if anything."""

    def told(self) -> str:
        """The end of its log."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """`durable` says, for people, what is on disk before a mail is acknowledged to whoever handed it over."""

    name: str
    signed: bool
    durable: str
    start: Callable[[Ground], AbstractContextManager[Running]]
    embedded: bool = False


class Injection:
    """Debian's smtp-source handing mail to an MTA by SMTP: ten sessions at a time, each kept for all its messages."""

    def __init__(self, load: Load, port: int, ground: Ground, sender: str) -> None:
        self._group, self._log = ground.feeding, ground.folder / "feeding.log"
        mail = ground.folder / "mail"
        mail.write_text(load.mail)
        each = ["smtp-source", "-4", "-d", "-N", "-f", sender, "-F", str(mail)]
        if load.domains == 1:
            self._command = [
                *each,
                "-s",
                "10",
                "-m",
                str(load.count),
                "-t",
                f"reader@{load.domain(0)}",
                f"127.0.0.1:{port}",
            ]
            self._domains = b""
        else:  # one smtp-source has one recipient domain: one for each, ten at a time
            share = load.count // load.domains
            each += ["-s", "1", "-m", str(share), "-t", "reader@{}", f"127.0.0.1:{port}"]
            self._command = ["xargs", "-P", "10", "-I", "{}", *each]
            self._domains = "\n".join(load.domain(number) for number in range(load.domains)).encode()
        self._process: subprocess.Popen[bytes] | None = None

    def go(self) -> None:
        with self._log.open("ab") as log, self._group.inside():
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stderr=log, env=_paths())
        assert self._process.stdin is not None
        self._process.stdin.write(self._domains)
        self._process.stdin.close()

    def ended(self) -> int | None:
        return None if self._process is None else self._process.poll()


class Daemon:
    """A process of a contestant's, ended by its id with all that it started."""

    def __init__(self, command: list[str], group: Group, log: Path, **how: object) -> None:
        self._log = log
        with log.open("ab") as output, group.inside():
            self.process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **how
            )

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(self, *_: object) -> None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                self.process.send_signal(how)
                try:
                    self.process.wait(35)
                except subprocess.TimeoutExpired:
                    continue
        end_session(self.process.pid)

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for it to have started."""
        until(lambda: self.process.poll() is not None or holds(), what, self.told)
        if self.process.poll() is not None:
            raise NotHere(f"{what} ended at its start: {self.told()}")

    def told(self) -> str:
        return self._log.read_text(errors="replace")[-1500:]


def end_session(leader: int) -> None:
    """End what is left of a session that one of our processes led."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def until(holds: Callable[[], bool], what: str, told: Callable[[], str] = str, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise NotHere(f"waited {seconds:.0f} s for {what}: {told()}")
        time.sleep(0.05)


def greets(port: int) -> bool:
    """Whether an SMTP server answers at that port of loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as probe:
            greeted = probe.recv(4) == b"220 "
            probe.sendall(b"QUIT\r\n")
            return greeted
    except OSError:
        return False


def program(name: str, package: str) -> str:
    """Where a program is, or why there is none."""
    found = shutil.which(name, path=_paths()["PATH"])
    if found is None:
        raise NotHere(f"{name} is missing; install it with: apt-get install {package}")
    return found


def root_only(what: str) -> None:
    if os.geteuid() != 0:
        raise NotHere(f"{what} can only be started by root")


def _paths() -> dict[str, str]:
    return os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"}
