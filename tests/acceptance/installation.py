"""An installation as an operator has it: one configuration file, and real processes run on it."""

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

COMMAND = [sys.executable, "-c", "from worker.command import main; main()"]
PATIENCE = 120.0


@dataclass
class Installation:
    """`settings` is TOML; the processes' logs go to files in `folder`."""

    folder: Path
    settings: str
    _count: int = field(default=0, init=False)

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

    def logs(self) -> str:
        """The ends of all logs, for whoever reads a failure."""
        return "\n".join(f"== {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.folder.glob("*.log")))
