"""The npm packages that tests use: the server smtp-server and the DKIM verifier of mailauth."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.maildir import Maildir

SCRIPTS = Path(__file__).parent / "node"
MODULES = Path(__file__).parents[2] / "build" / "node" / "node_modules"


class SmtpServer(Maildir):
    """A running smtp-server."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, kept=True)
        self.host, self.port = "127.0.0.1", port


@contextmanager
def private_smtp_server(pem: Path | None = None, *, seven_bit: bool = False) -> Iterator[SmtpServer]:
    """A smtp-server of one's own; `pem`, a private key with its certificates, makes it offer STARTTLS. `seven_bit`: it
    offers neither 8BITMIME nor SMTPUTF8."""
    with tempfile.TemporaryDirectory(prefix="campaign-mta-smtp-server-") as name:
        folder = Path(name)
        for each in ("new", "tmp"):
            (folder / each).mkdir()
        options = {"folder": name, "pem": None if pem is None else str(pem), "sevenBit": seven_bit}
        with script("smtp-server.cjs", json.dumps(options)) as process:
            assert process.stdout is not None
            yield SmtpServer(folder, int(process.stdout.readline()))


@contextmanager
def mailauth(records: dict[str, str]) -> Iterator["Mailauth"]:
    """mailauth's verifier, running; `records` are key records by name, without a final dot."""
    with tempfile.TemporaryDirectory(prefix="campaign-mta-mailauth-") as folder:
        known = Path(folder) / "records.json"
        known.write_text(json.dumps(records))
        with script("mailauth.cjs", str(known)) as process:
            yield Mailauth(process, Path(folder) / "message")


class Mailauth:
    def __init__(self, process: "subprocess.Popen[str]", scratch: Path) -> None:
        self._process = process
        self._scratch = scratch

    def verify(self, octets: bytes) -> list[bool]:
        """What it says of each signature of a message, in order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._scratch.write_bytes(octets)
        self._process.stdin.write(f"{self._scratch}\n")
        self._process.stdin.flush()
        answer: list[str] = json.loads(self._process.stdout.readline())
        return [result == "pass" for result in answer]


@contextmanager
def script(name: str, argument: str) -> Iterator["subprocess.Popen[str]"]:
    """One of the scripts beside this file, running."""
    if not MODULES.is_dir():
        raise RuntimeError("the npm packages are missing; fetch them with: tests/services/install")
    process = subprocess.Popen(
        ["node", str(SCRIPTS / name), argument],
        env=os.environ | {"NODE_PATH": str(MODULES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()
