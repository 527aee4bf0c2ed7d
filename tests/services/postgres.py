"""A private PostgreSQL for the tests: on a free loopback port, in a folder of its own, gone at the end.

PostgreSQL refuses to run as root; the server then runs as the package's `postgres` user, or as `nobody`.
`CAMPAIGN_MTA_TEST_PG_URL` names a server to use instead; each test still gets a database of its own there.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_FRUGAL = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """One server. `durable`: flush like a production server, for benchmarks and crash tests."""

    def __init__(self, *, durable: bool = False, settings: dict[str, str] | None = None) -> None:
        self._settings = _FRUGAL | ({} if durable else _QUICK) | (settings or {})
        self._bin = _newest_installation()
        self._user = _unprivileged_user()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self.folder = Path(tempfile.mkdtemp(prefix="campaign-mta-postgres-"))
        self.port = _free_port()
        if self._user:
            os.chown(self.folder, pwd.getpwnam(self._user).pw_uid, -1)
        self._run("initdb", "--username=mta", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"postgresql://mta@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers. After `kill` the old server's children may hold its memory for a moment."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self._process = self._launch()
            if self._answers(until):
                return
        raise TimeoutError("PostgreSQL does not start")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: fast shutdown; SIGTERM waits for clients; SIGQUIT leaves recovery to the next start."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def kill(self) -> None:
        """kill -9, of the sessions too: orphaned, they would go on answering for a moment."""
        if self._process is not None:
            self.pause()  # no session may begin while they are counted
            sessions = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            self.stop(signal.SIGKILL)
            for session in sessions:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(session), signal.SIGKILL)

    def pause(self) -> None:
        """Stop accepting: connections hang instead of being refused. Sessions already open go on."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), *settings],
                user=self._user,
                cwd=self.folder,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def _answers(self, until: float) -> bool:
        assert self._process is not None
        while self._process.poll() is None and time.monotonic() < until:
            ready = subprocess.run(
                [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            )
            if ready.returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def _run(self, program: str, *options: str) -> None:
        subprocess.run(
            [self._bin / program, "-D", self.folder / "data", *options],
            user=self._user,
            cwd=self.folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def _newest_installation() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    if on_path := shutil.which("postgres"):
        return Path(on_path).resolve().parent
    raise FileNotFoundError("PostgreSQL is not installed: apt-get install postgresql, or set CAMPAIGN_MTA_TEST_PG_URL")


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def execute(url: str, statement: str) -> None:
    """Run a statement on the database of this URL."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:  # a thread of its own: the caller may sit beside a running event loop
        thread.submit(asyncio.run, run()).result()


def _named(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A server for the whole test session; `database_url` is what a test wants."""
    if url := os.environ.get("CAMPAIGN_MTA_TEST_PG_URL"):
        yield url
        return
    with PostgresServer() as server:
        yield server.url


@contextlib.contextmanager
def database(url: str) -> Iterator[str]:
    """An empty database on the server of this URL, dropped at the end whoever is still connected."""
    name = f"test_{uuid.uuid4().hex}"
    execute(url, f"CREATE DATABASE {name}")
    yield _named(url, name)
    execute(url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """An empty database of the test's own."""
    with database(postgres_url) as url:
        yield url


@pytest.fixture
def private_postgres() -> Iterator[PostgresServer]:
    """A durable server of the test's own, to stop, kill and start as it likes."""
    with PostgresServer(durable=True) as server:
        yield server
