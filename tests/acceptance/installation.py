"""An installation as an operator has it: one configuration file, and real processes run on it."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

MAILS = Path(__file__).parents[1] / "mails"
COMMAND = [str(Path(sys.executable).with_name("campaign-mta"))]
PATIENCE = 120.0


def record(pem: bytes) -> str:
    """The DKIM key record of a private RSA key (RFC 6376 section 3.6.1)."""
    public = load_pem_private_key(pem, None).public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


@contextmanager
def sink(folder: Path) -> Iterator[int]:
    """The sink of the command line, keeping its mails in `folder`/sink; yields its port."""
    arguments = ["sink", "--port", "0", "--json", "--store", str(folder / "sink")]
    process = subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        code = process.wait(timeout=20)
        process.stdout.close()
    assert code == 0


@dataclass
class Installation:
    """`settings` is TOML; the processes' logs go to files in `folder`."""

    folder: Path
    settings: str
    store: str
    prefix: str
    _count: int = field(default=0, init=False)

    def route(self, domain: str, port: int) -> None:
        """Send a domain's mail to a port of this machine. Before the first command."""
        self.settings += f'[[route]]\ndomain = "{domain}"\nhosts = ["127.0.0.1:{port}"]\n'

    @property
    def config(self) -> Path:
        file = self.folder / "campaign-mta.toml"
        if not file.exists():
            file.write_text(self.settings, encoding="utf-8")
        return file

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a long-running command; its log goes to a file named after it."""
        self._count += 1
        log = self.folder / f"{self._count:02}-{arguments[0]}.log"
        with log.open("wb") as opened:
            return subprocess.Popen([*COMMAND, *arguments, "--config", str(self.config)], stdout=opened, stderr=opened)

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A long-running command for as long as the block lasts; SIGTERM must end it with exit code 0."""
        process = self.start(*arguments)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=60)
        assert code == 0, f"{arguments[0]} ended with {code}: {self.logs()}"

    def run(self, *arguments: str, expect: int = 0, stdin: str = "") -> str:
        """Run a command to its end and answer what it printed."""
        done = subprocess.run(
            [*COMMAND, *arguments, "--config", str(self.config)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=os.environ | {"COLUMNS": "160"},
        )
        assert done.returncode == expect, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def report(self, delivery: str) -> dict[str, Any]:
        """The tracker's figures for a delivery; zeros before it has heard of it."""
        found = json.loads(self.run("report", "--json", "--delivery", delivery))
        return found[0] if found else {"accepted": 0, "sent": 0, "failed": 0, "in_flight": 0}

    def until(
        self, delivery: str, holds: Callable[[dict[str, Any]], bool], patience: float = PATIENCE
    ) -> dict[str, Any]:
        """Ask for the report until `holds` says it is what was waited for."""
        deadline = time.monotonic() + patience
        while not holds(figures := self.report(delivery)):
            assert time.monotonic() < deadline, f"still {figures}; {self.logs()}"
            time.sleep(0.3)
        return figures

    def wait(self, holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        """Wait until `holds` says that `what` was waited for has come."""
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain for {what}; {self.logs()}"
            time.sleep(0.05)

    def logs(self) -> str:
        """The ends of all logs, for whoever reads a failure."""
        return "\n".join(f"== {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log")))

    def recipients(self, addresses: list[str]) -> Path:
        """A list of recipients as a file."""
        file = self.folder / "list.csv"
        rows = [f"{address},n{number}" for number, address in enumerate(addresses)]
        file.write_text("\n".join(["email,first_name", *rows]) + "\n", encoding="utf-8")
        return file

    def send(self, delivery: str, addresses: list[str], *options: str, message: str = "minimal.eml") -> str:
        """Enqueue a delivery with the command line."""
        return self.run(
            "send",
            *("--delivery", delivery, "--mail-from", "bounce@news.riverside.example"),
            *("--recipients", str(self.recipients(addresses)), "--message", str(MAILS / message)),
            *options,
        )

    def index(self) -> list[dict[str, Any]]:
        """What the sink took: one entry for each message and recipient."""
        file = self.folder / "sink" / "index.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
