"""Haraka, npm's mail server, keeping what it takes."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.maildir import Maildir
from tests.services.npm import MODULES, SCRIPTS
from tests.services.start import free_port, greets, wait_until

# Lines may be as long as RFC 5321 allows: 998 octets, a CRLF and a stuffed dot. Haraka breaks longer ones than this says.
CONNECTION = """\
smtputf8 = true
[haproxy]
hosts[] =
[headers]
clean_auth_results = false
max_lines = 10000
max_received = 100
[max]
bytes = 0
mime_parts = 10000
line_length = 512
data_line_length = 1001
[message]
[uuid]
banner_chars = 6
deny_chars = 0
"""


class Haraka(Maildir):
    """A running instance."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, lambda: self.log, kept=True)
        self.folder = folder
        self.host, self.port = "127.0.0.1", port

    @property
    def log(self) -> str:
        return (self.folder / "said").read_text(errors="replace")


@contextmanager
def private_haraka(pem: Path | None = None) -> Iterator[Haraka]:
    """A Haraka of one's own; `pem`, a private key with its certificates, makes it offer STARTTLS."""
    program = MODULES / "Haraka" / "bin" / "haraka"
    if not program.exists():
        raise RuntimeError("Haraka is missing; fetch it with: tests/services/install")
    with tempfile.TemporaryDirectory(prefix="campaign-mta-haraka-") as name:
        haraka = Haraka(Path(name), free_port())
        _furnish(Path(name), haraka.port, pem)
        with (Path(name) / "said").open("wb") as said:
            process = subprocess.Popen(
                ["node", str(program), "-c", name],
                env=os.environ | {"NODE_PATH": str(MODULES), "KEEP_IN": name},
                stdout=said,
                stderr=said,
                stdin=subprocess.DEVNULL,
            )
        try:
            wait_until(lambda: process.poll() is not None or greets(haraka.port), "Haraka", lambda: haraka.log)
            assert process.poll() is None, f"Haraka ended at its start: {haraka.log}"
            yield haraka
        finally:
            process.send_signal(signal.SIGKILL)  # asked to stop, it waits for idle connections
            process.wait(10)


def _furnish(folder: Path, port: int, pem: Path | None) -> None:
    for name in ("config", "plugins", "new", "tmp"):
        (folder / name).mkdir()
    config = folder / "config"
    (config / "smtp.ini").write_text(f"listen = 127.0.0.1:{port}\nnodes = 0\n")
    (config / "connection.ini").write_text(CONNECTION)
    (config / "me").write_text("mx.receiver.example\n")
    (config / "plugins").write_text("keep\n" if pem is None else "tls\nkeep\n")
    shutil.copy(SCRIPTS / "haraka-keep.js", folder / "plugins" / "keep.js")
    if pem is not None:
        for part in ("tls_key.pem", "tls_cert.pem"):
            shutil.copy(pem, config / part)
        # RFC 7919's ffdhe2048. Haraka would have parameters made, which takes a core for a minute and outlives it.
        shutil.copy(SCRIPTS / "dhparams.pem", config)
