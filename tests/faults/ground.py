"""What all scenes stand on: RabbitMQ and PostgreSQL of our own, the sink, and one tracker all the time."""

import json
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.installation import COMMAND, Installation
from tests.faults.oracle import Told
from tests.faults.scene import SETTINGS, Scene
from tests.faults.transport import PREFIX, Embedded, Served, Transport
from tests.services.postgres import PostgresServer
from tests.services.rabbitmq import RabbitNode, private_rabbitmq


@dataclass
class Ground:
    folder: Path
    port: int
    served: Served
    _tracker: subprocess.Popen[bytes] | None = None

    @property
    def node(self) -> RabbitNode:
        return self.served.node

    @property
    def postgres(self) -> PostgresServer:
        return self.served.postgres

    @property
    def tracker(self) -> subprocess.Popen[bytes]:
        assert self._tracker is not None
        return self._tracker

    def start_tracker(self) -> None:
        settings = SETTINGS.format(broker=self.node.url, prefix=PREFIX, store=self.postgres.url, port=25)
        (self.folder / "tracker").mkdir(exist_ok=True)
        installation = Installation(self.folder / "tracker", settings, self.postgres.url, PREFIX)
        self._tracker = installation.start("tracker")
        deadline = time.monotonic() + 60
        while "tracking" not in installation.logs():  # before that a signal would end it as it ends any program
            assert time.monotonic() < deadline, installation.logs()
            time.sleep(0.1)

    def stop_tracker(self) -> None:
        if self._tracker is None:
            return
        self._tracker.send_signal(signal.SIGTERM)
        code = self._tracker.wait(30)
        self._tracker = None
        assert code == 0, f"the tracker ended with {code} on SIGTERM"

    @contextmanager
    def scene(self, name: str, transport: str) -> Iterator[Scene]:
        """`name` serves as a domain label and a delivery's id, so that it must be used once only."""
        folder = self.folder / name
        folder.mkdir()
        way: Transport = Embedded(folder)
        if transport == "rabbitmq":
            way = self.served
        way.forget_sites()
        scene = Scene(name, way, folder, self.port, self.folder / "sink")
        try:
            yield scene
        finally:
            scene.leave()


@contextmanager
def ground(keep: Callable[[Told], Told] = lambda event: event) -> Iterator[Ground]:
    """Start it all, and leave nothing behind. `keep`: what the witness keeps of each event."""
    folder = Path(tempfile.mkdtemp(prefix="campaign-mta-faults-"))
    try:
        with private_rabbitmq() as node, PostgresServer(durable=True) as postgres, _sink(folder / "sink") as port:
            served = Served.on(node, postgres, keep)
            here = Ground(folder, port, served)
            here.start_tracker()
            try:
                yield here
            finally:
                here.stop_tracker()
                served.witness.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _sink(store: Path) -> Iterator[int]:
    process = subprocess.Popen(
        [*COMMAND, "sink", "--port", "0", "--json", "--store", str(store)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@dataclass(frozen=True)
class Fault:
    """One row: what is done to the worker, in words, and how; `run` leaves a scene in which all is settled."""

    words: str
    run: Callable[[Ground, Scene], None]
    transports: tuple[str, ...] = ("rabbitmq",)
    quick: tuple[str, ...] = ()  # the transports of it that `make test` runs
