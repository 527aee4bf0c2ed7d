"""This project's worker in the race: real processes on a configuration file, over RabbitMQ and PostgreSQL or embedded.

Publishing is the campaign service's work and counted apart, as smtp-source's is for the others.
"""

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import astuple
from pathlib import Path

from feedback.event import decode
from tests.bench.contest.contestant import Daemon, Ground, NotHere
from tests.bench.contest.load import DOMAINS, SELECTOR, SIGNER, Load, address, many, single
from tests.services.postgres import PostgresServer
from tests.services.rabbitmq import private_rabbitmq
from worker import adapters
from worker.settings import load as settings_of

DURABLE = "quorum queue and PostgreSQL, both with fsync"
EMBEDDED = "SQLite, WAL, with fsync"

_ROOT = Path(__file__).parents[3]
_EVENT_SECONDS = 20
"""As long as no event comes, no more is waited for."""

World = Callable[[Ground], str]
"""Settings that tell the worker where each domain's mail goes."""

_SETTINGS = """\
[broker]
url = "{broker}"
[store]
url = "{store}"
[smtp]
helo = "relay.riverside.example"
port = {sink}
[traffic]
rules = ["traffic.toml"]
[[dkim]]
domain = "{domain}"
selector = "{selector}"
key_file = "key.pem"
"""
_ROUTE = '[[route]]\ndomain = "{domain}"\nhosts = ["{host}:{port}"]\nsite = "{domain}"\n'
# As many connections to a destination as postfix opens by default, and like postfix no limit to what goes over each and no
# careful beginning.
_RULE = """\
[[rule]]
name = "race"
domain = ["*.example"]
connections = 20
messages_per_connection = 1000000
start = "ceiling"
tls = "none"
"""
WORKER = ["-c", "from worker.command import main; main()", "worker"]


class Working:
    """Worker processes, ready for jobs. A delivery is numbered after the run it belongs to."""

    def __init__(self, ground: Ground, config: Path, daemon: Daemon) -> None:
        self._ground = ground
        self._config = config
        self._delivery = 0
        self.told = daemon.told

    def feed(self, load: Load) -> "Publishing":
        self._delivery += 1
        return Publishing(self._ground, self._config, f"race{self._delivery}", load)

    def check(self, load: Load) -> str | None:
        """Exactly one final event for each job, and all of them `sent`."""
        kinds, repeats = asyncio.run(self._finals(load.count))
        if kinds == {"sent": load.count} and not repeats:
            return None
        return f"final events {dict(kinds)} for {load.count} jobs, {repeats} of them repeats\n{self._strange()}"

    async def _finals(self, count: int) -> tuple[Counter[str], int]:
        """Final events by kind, and how many of them were told before."""
        stream = adapters.feedback_stream(settings_of(self._config))
        kinds: Counter[str] = Counter()
        told: set[str] = set()
        await stream.open()
        try:
            while kinds.total() < count:
                messages = await asyncio.wait_for(stream.take(100), _EVENT_SECONDS)
                finals = [event for each in messages for event in decode(each.body) if event.final]
                kinds.update(event.event for event in finals)
                told.update(event.event_id for event in finals)
                await stream.done(messages)
        except TimeoutError:
            pass
        await stream.close()
        return kinds, kinds.total() - len(told)

    def _strange(self) -> str:
        """What the log says beside attempts."""
        lines = (self._ground.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if '"attempt"' not in line][-30:])


class Publishing:
    """A publisher that waits for the word."""

    def __init__(self, ground: Ground, config: Path, delivery: str, load: Load) -> None:
        numbers = [str(int(number)) for number in astuple(load)]
        command = [sys.executable, "-m", "tests.bench.contest.publish", str(config), delivery, *numbers]
        with ground.feeding.inside():
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"ready\n":
            raise NotHere(f"the publisher ended with {self._process.wait()}")

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.close()

    def ended(self) -> int | None:
        return self._process.poll()


def routes(ground: Ground) -> str:
    """One configured for each domain of the race."""
    text = _ROUTE.format(domain=single(), host="127.0.0.1", port=ground.sink)
    for number in range(DOMAINS):
        text += _ROUTE.format(domain=many(number), host=address(number, ground.own_network), port=ground.sink)
    return text


def processes(number: int, world: World = routes) -> Callable[[Ground], AbstractContextManager[Working]]:
    """Over RabbitMQ and PostgreSQL, with so many worker processes."""

    @contextmanager
    def start(ground: Ground) -> Iterator[Working]:
        with ExitStack() as stack:
            with ground.backing.inside():
                broker = stack.enter_context(private_rabbitmq())
                settings = {"shared_buffers": "256MB"}
                store = stack.enter_context(PostgresServer(durable=True, settings=settings))
            options = ["--processes", str(number)]
            config = configure(ground, broker.url, store.url, world(ground))
            yield stack.enter_context(_working(ground, config, options))

    return start


def embedded(ground: Ground) -> AbstractContextManager[Working]:
    folder = ground.folder
    config = configure(ground, f"sqlite:///{folder}/queue.db", f"sqlite:///{folder}/log.db", routes(ground))
    return _working(ground, config, [])


@contextmanager
def _working(ground: Ground, config: Path, options: list[str]) -> Iterator[Working]:
    command = [sys.executable, *(ground.worker or WORKER), *options, "--config", str(config)]
    with Daemon(command, ground.own, ground.folder / "log", cwd=_ROOT) as daemon:
        wanted = int(options[1]) if options else 1
        daemon.until(lambda: daemon.told().count("working") >= wanted, "the worker")
        yield Working(ground, config, daemon)


def configure(ground: Ground, broker: str, store: str, world: str) -> Path:
    """The configuration file."""
    text = _SETTINGS.format(broker=broker, store=store, domain=SIGNER, selector=SELECTOR, sink=ground.sink) + world
    shutil.copy(ground.key, ground.folder / "key.pem")
    (ground.folder / "traffic.toml").write_text(_RULE)
    config = ground.folder / "campaign-mta.toml"
    config.write_text(text)
    return config
