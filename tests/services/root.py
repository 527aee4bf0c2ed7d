"""Debian's mail servers that cannot be installed beside postfix, each started in a root directory of its own.

`tests/services/install` lays the roots; a run works in a copy, with its own accounts, queue and configuration.
"""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.start import greets, wait_until

ROOTS = Path(__file__).parents[2] / "build" / "servers"

ACCOUNT = 64900
"""The first user id of the accounts in a root."""


@contextmanager
def private_root(server: str, accounts: Sequence[str]) -> Iterator[Path]:
    """A copy of a server's root, with these accounts in it: user ids from `ACCOUNT` on, groups of the same names."""
    if not (ROOTS / server).is_dir():
        raise RuntimeError(f"{server} is missing; fetch it with: tests/services/install")
    if os.geteuid() != 0:
        pytest.skip(f"{server} can only be started by root")
    folder = Path(tempfile.mkdtemp(prefix=f"campaign-mta-{server}-"))
    root = folder / "root"
    try:
        shutil.copytree(ROOTS / server, root, symlinks=True)
        folder.chmod(0o755)  # its unprivileged processes must get in
        _people(root, accounts)
        yield root
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a process on its way out may still write


@contextmanager
def started(root: Path, command: Sequence[str], port: int) -> Iterator[None]:
    """The server running in its root, greeting at `port`; what it says goes to the root's file `said`."""
    with (root / "said").open("wb") as said:
        process = subprocess.Popen(["chroot", str(root), *command], stdout=said, stderr=said, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or greets(port), command[0], lambda: said_in(root))
        assert process.poll() is None, f"{command[0]} ended at its start: {said_in(root)}"
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def said_in(root: Path) -> str:
    return (root / "said").read_text(errors="replace")


def own(path: Path, account: int, mode: int = 0o700) -> Path:
    """A folder (or, if it is one, a file) that belongs to an account."""
    if not path.exists():
        path.mkdir(parents=True)
    os.chown(path, account, account)
    path.chmod(mode)
    return path


def _people(root: Path, accounts: Sequence[str]) -> None:
    for name in ("dev", "etc", "run", "tmp", "var/run"):
        (root / name).mkdir(parents=True, exist_ok=True)
    numbered = [("root", 0), *((name, ACCOUNT + index) for index, name in enumerate(accounts))]
    (root / "etc/passwd").write_text("".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in numbered))
    (root / "etc/group").write_text("".join(f"{name}:x:{uid}:\n" for name, uid in numbered))
    os.mknod(root / "dev/null", stat.S_IFCHR, os.makedev(1, 3))
    (root / "dev/null").chmod(0o666)
