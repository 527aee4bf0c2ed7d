"""A private RabbitMQ for the tests: its own ports on loopback, its own folder, its own epmd, never a system's node.

`CAMPAIGN_MTA_TEST_AMQP_URL` names another broker to use instead; tests that stop or starve a broker are skipped then.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
START_SECONDS = 60
STOP_SECONDS = 20

# A dead letter whose queue was not there yet when a broken broker came back is tried again after this, by default 3 minutes.
DEAD_LETTERS = "-rabbit dead_letter_worker_publisher_confirm_timeout 5000"

CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = guest
default_pass = guest
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
log.file.level = warning
"""


class RabbitNode:
    """One RabbitMQ node with power over its life. Synchronous: called from fixtures, or from tests in a thread."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self._folder = folder
        self._user = user
        self._port, self._distribution, self._mapper = _free_ports(3)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}/"

    def start(self) -> Self:
        """Start the node and wait until it answers."""
        (self._folder / "rabbitmq.conf").write_text(CONFIGURATION.format(port=self._port))
        if self._epmd is None:
            self._epmd = self._run("epmd", "-address", "127.0.0.1", "-port", str(self._mapper))
            _await(lambda: _listening(self._mapper), "epmd")
        self._server = self._run(str(PROGRAMS / "rabbitmq-server"))
        _await(self._answers, "RabbitMQ")
        return self

    def stop(self) -> None:
        """Stop the node in good order; messages confirmed stay on its disk."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def ctl(self, *arguments: str, given: str = "") -> str:
        """Run rabbitmqctl against this node, `given` on its input, and return what it printed."""
        command = [str(PROGRAMS / "rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(
            command, **self._how(), input=given, check=True, capture_output=True, text=True, timeout=60
        )
        return str(done.stdout)

    def leave(self) -> None:
        """Stop everything that was started for this node."""
        self._end(signal.SIGTERM)
        if self._epmd is not None:
            self._epmd.terminate()
            self._epmd.wait(STOP_SECONDS)

    def _how(self) -> dict[str, Any]:
        how: dict[str, Any] = {"env": self._environment(), "cwd": self._folder}
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            how |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return how

    def _environment(self) -> dict[str, str]:
        folder = str(self._folder)
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": folder,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._mapper),
            "RABBITMQ_NODENAME": f"private{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{folder}/none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-kernel inet_dist_use_interface {{127,0,0,1}} {DEAD_LETTERS}",
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with (self._folder / "output").open("ab") as output:
            # A session of its own, so that the node can be ended with all it has started.
            return subprocess.Popen(
                command, **self._how(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def _answers(self) -> bool:
        if self._server is not None and self._server.poll() is not None:
            raise RuntimeError(f"RabbitMQ ended at its start:\n{(self._folder / 'output').read_text()}")
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as probe:
                probe.sendall(b"AMQP\0\0\x09\x01")
                return bool(probe.recv(1))
        except OSError:
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._server is None:
            return
        try:
            os.killpg(self._server.pid, how)
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(STOP_SECONDS)
        except ProcessLookupError:
            self._server.wait(STOP_SECONDS)
        self._server = None
        _await(lambda: not _listening(self._port), "the end of RabbitMQ")


@contextmanager
def private_rabbitmq() -> Iterator[RabbitNode]:
    """A RabbitMQ of one's own, as an unprivileged user when this is root."""
    if not (PROGRAMS / "rabbitmq-server").exists():
        raise RuntimeError("RabbitMQ is missing; install it with: apt-get install rabbitmq-server")
    folder = Path(tempfile.mkdtemp(prefix="campaign-mta-rabbitmq-"))
    user = None
    if os.geteuid() == 0:
        user = "rabbitmq" if any(account.pw_name == "rabbitmq" for account in pwd.getpwall()) else "nobody"
        shutil.chown(folder, user)
    node = RabbitNode(folder, user)
    try:
        yield node.start()
    finally:
        node.leave()
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _await(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {START_SECONDS} s for {what}")
        time.sleep(0.05)


@pytest.fixture(scope="session")
def rabbitmq_node() -> Iterator[RabbitNode]:
    """The private node, for tests that stop it, starve it or ask it questions."""
    if "CAMPAIGN_MTA_TEST_AMQP_URL" in os.environ:
        pytest.skip("needs a RabbitMQ of its own")
    with private_rabbitmq() as node:
        yield node


@pytest.fixture(scope="session")
def amqp_url(request: pytest.FixtureRequest) -> str:
    """The URL of the broker under test."""
    given = os.environ.get("CAMPAIGN_MTA_TEST_AMQP_URL")
    return given or str(request.getfixturevalue("rabbitmq_node").url)
