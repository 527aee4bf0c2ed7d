"""A host of its own for tests: systemd as its first process, this machine's files under an overlay, no network but loopback.

It is made of namespaces, so it needs root on Linux, and Debian's systemd, RabbitMQ and PostgreSQL; nothing it does is seen
outside, and all of it is gone at the end.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.services.start import wait_until

CHECKOUT = Path(__file__).parents[2]
SYSTEMD = "/lib/systemd/systemd"
# What is started so ends with the tests, however they end.
_UNSHARE = [
    "setpriv",
    "--pdeathsig=KILL",
    "unshare",
    "--mount",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--cgroup",
    "--fork",
]

# What `boot` needs to be allowed.
_TRIAL = "cd /mnt; mount -t tmpfs x .; mkdir /mnt/u /mnt/w; mount -t overlay x -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt"


class Host:
    """`first` is the process id of its systemd."""

    def __init__(self, first: int) -> None:
        self._first = first

    def command(self, *command: str) -> list[str]:
        """How to run a command there."""
        return [
            "nsenter",
            f"--target={self._first}",
            "--all",
            "env",
            "-i",
            "PATH=/usr/local/sbin:/usr/sbin:/usr/bin",
            *command,
        ]

    def run(self, *command: str, expect: int = 0, given: str = "") -> str:
        """Run a command there, as root, and return what it printed."""
        done = subprocess.run(self.command(*command), input=given, capture_output=True, text=True, timeout=120)
        assert done.returncode == expect, (
            f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}{self.journal()}"
        )
        return done.stdout

    def said(self, *command: str) -> str:
        """What a command prints, however it ends."""
        return subprocess.run(self.command(*command), capture_output=True, text=True, timeout=60).stdout.strip()

    def wait(self, command: Sequence[str], said: str) -> None:
        """Until a command prints this."""
        wait_until(lambda: self.said(*command) == said, f"{said!r} from {command}", self.journal, 60)

    def journal(self) -> str:
        return self.said("journalctl", "--no-pager", "--output=cat", "--lines=60")

    def python(self, folder: str) -> None:
        """A virtual environment of Debian's Python, with what is installed in that of the tests."""
        self.run("/usr/bin/python3", "-m", "venv", "--without-pip", folder)
        packages = next(path for path in sys.path if path.endswith("site-packages"))
        # Mounted, for what leads to them may be closed to the units' users, or hidden by a /tmp of their own.
        for name, place in (("packages", packages), ("checkout", str(CHECKOUT))):
            self.run("mkdir", f"{folder}/{name}")
            self.run("mount", "--bind", place, f"{folder}/{name}")
        borrowed = f"{folder}/lib/python3.{sys.version_info.minor}/site-packages/borrowed.pth"
        self.run("tee", borrowed, given=f"{folder}/packages\n{folder}/checkout\n{folder}/checkout/deploy\n")
        script = (Path(sys.executable).parent / "campaign-mta").read_text().partition("\n")[2]
        self.run("tee", f"{folder}/bin/campaign-mta", given=f"#!{folder}/bin/python\n{script}")
        self.run("chmod", "755", f"{folder}/bin/campaign-mta")


def _missing() -> str | None:
    """Why there can be none here."""
    if os.geteuid() != 0:
        return "only root can start a host"
    for program in (SYSTEMD, "/usr/bin/python3", "rabbitmq-server", "pg_ctlcluster"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
    )
    if version.stdout.strip() != str(sys.version_info[:2]):
        return "Debian's Python has another version than that of the tests"
    trial = subprocess.run([*_UNSHARE, "sh", "-ec", _TRIAL], capture_output=True, text=True)
    return f"there can be no namespaces: {trial.stderr}" if trial.returncode else None


@contextmanager
def private_host() -> Iterator[Host]:
    """A host that has just started."""
    if missing := _missing():
        pytest.skip(missing)
    boot = str(CHECKOUT / "tests" / "services" / "boot")
    with tempfile.TemporaryDirectory(prefix="campaign-mta-host-") as folder:
        process = subprocess.Popen(
            [*_UNSHARE, "--propagation=private", "--kill-child", boot, str(CHECKOUT), folder],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            wait_until(lambda: process.poll() is not None or bool(children.read_text()), "a host's first process")
            host = Host(int(children.read_text()))
            wait_until(
                lambda: host.said("systemctl", "is-system-running") in ("running", "degraded"), "systemd", host.journal
            )
            yield host
        finally:
            process.kill()  # and with it everything in its namespaces
            process.communicate()
