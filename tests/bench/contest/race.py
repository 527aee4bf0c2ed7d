"""One contestant's turn: started, tried with a few mails whose signatures are verified, measured on each course, ended."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import keys, opendkim
from tests.acceptance.installation import record
from tests.bench.contest import cost
from tests.bench.contest.contestant import Contestant, Ground, NotHere, Running, until
from tests.bench.contest.load import SELECTOR, SIGNER, Load
from tests.bench.contest.loopback import free_port
from tests.bench.contest.sink import Sink, keeping_sink, sink

STALL_SECONDS = 30
_QUIET, _QUIET_SECONDS, _LONGEST_QUIET = 0.05, 0.5, 10.0
_TRIAL = Load(count=200, size=10_000, domains=200)


@dataclass(frozen=True, slots=True)
class Result:
    """One measured run. `rate`: messages/s; processor time in ms per message; memory in MB at its peak.

    `cpu_ms` and `peak_mb` are of the contestant's own processes; `backing_ms` of its broker and store, `feeding_ms` of
    smtp-source or the publisher, `sink_ms` of the receiver. `others` is the share of the machine's processors that
    went elsewhere meanwhile: with more than a little of it, rates are worth less than they seem.
    """

    rate: float
    cpu_ms: float
    backing_ms: float
    feeding_ms: float
    sink_ms: float
    peak_mb: float
    peak_mb_all: float
    others: float


@dataclass(frozen=True, slots=True)
class Failed:
    """No figure, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Place:
    """What all turns share."""

    folder: Path
    tools: Path
    own_network: bool

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def sink_address(self) -> str:
        return "0.0.0.0" if self.own_network else "127.0.0.1"  # everything, where there is only loopback


@contextmanager
def place(tools: Path, own_network: bool, bits: int = 2048) -> Iterator[Place]:
    """A folder for the whole race, with the RSA key that all sign with. Told to end by SIGTERM, a race ends what it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    folder = Path(tempfile.mkdtemp(prefix="campaign-mta-bench-"))
    folder.chmod(0o755)
    made = Place(folder, tools, own_network)
    keys.write(made.key, keys.pem(keys.rsa(bits)), mode=0o644)  # each contestant reads it as a user of its own
    try:
        yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def turn(contestant: Contestant, place: Place, courses: Sequence[Load]) -> list[Result | Failed]:
    """A result for each course; after a failure the contestant does not run again in this turn."""
    results: list[Result | Failed] = []
    try:
        with ground_for(place) as (ground, sink_group), contestant.start(ground) as running:
            try_out(contestant, running, place, ground)
            with sink(place.sink_address, ground.sink, ground.folder, sink_group) as receiver:
                for load in courses:
                    results.append(measure(running, ground, sink_group, receiver, load))
                    if isinstance(results[-1], Failed):
                        break
    except (NotHere, OSError) as fault:
        results.append(Failed(str(fault)))
    rest = results[-1] if results and isinstance(results[-1], Failed) else Failed("not run")
    return [*results, *[rest] * (len(courses) - len(results))][: len(courses)]


@contextmanager
def ground_for(place: Place) -> Iterator[tuple[Ground, cost.Group]]:
    """A folder and groups for one turn; the last group is the receiver's."""
    folder = Path(tempfile.mkdtemp(prefix="turn-", dir=place.folder))
    folder.chmod(0o755)
    groups = [cost.group(name) for name in ("own", "backing", "feeding", "sink")]
    own, backing, feeding, receiving = groups
    try:
        port = free_port()
        yield Ground(folder, place.tools, place.key, port, place.own_network, own, backing, feeding), receiving
    finally:
        for each in groups:
            each.close()
        shutil.rmtree(folder, ignore_errors=True)


def try_out(contestant: Contestant, running: Running, place: Place, ground: Ground) -> None:
    """A few mails, which must come with a signature that holds if the contestant signs."""
    with keeping_sink(place.sink_address, ground.sink, ground.folder) as kept:
        feed = running.feed(_TRIAL)
        feed.go()
        until(lambda: len(os.listdir(kept)) >= _TRIAL.count, "its first mails", running.told)
        _quiet(ground)
        mails = [_message(path) for path in list(kept.iterdir())[:5]]
    records = {f"{SELECTOR}._domainkey.{SIGNER}": record(place.key.read_bytes())}
    for mail in mails:
        verdict = opendkim.verify(mail, records, ground.folder)
        if verdict != ([True] if contestant.signed else []):
            raise NotHere(f"its signatures are {verdict}")
    if fault := running.check(_TRIAL):
        raise NotHere(fault)


def _message(kept: Path) -> bytes:
    """What came after DATA in a file of smtp-sink's, whose lines before begin with X-."""
    lines = kept.read_bytes().split(b"\n")
    while lines and lines[0].startswith((b"X-Client", b"X-Helo", b"X-Mail", b"X-Rcpt")):
        lines.pop(0)
    return b"\r\n".join(lines)


def measure(running: Running, ground: Ground, sink_group: cost.Group, receiver: Sink, load: Load) -> Result | Failed:
    """One run."""
    feed = running.feed(load)
    groups = (ground.own, ground.backing, ground.feeding, sink_group)
    already, used, busy = receiver.count, [each.cpu() for each in groups], cost.machine()
    with cost.watched(ground.own, ground.backing) as peak:
        began = time.monotonic()
        feed.go()
        took = _arrival(receiver, already, load.count) - began
        _quiet(ground)
        whole, busy = time.monotonic() - began, cost.machine() - busy
        spent = [each.cpu() - was for each, was in zip(groups, used, strict=True)]
    if took < 0:
        return Failed(f"stopped after {receiver.count - already} of {load.count}: {running.told()}")
    if fault := running.check(load):
        return Failed(fault)
    until(lambda: feed.ended() is not None, "whoever feeds it to end")
    if (surplus := receiver.count - already - load.count) or feed.ended() != 0:
        return Failed(f"{surplus} mails too many, or not all were taken (exit code {feed.ended()})")
    others = max(0.0, busy - sum(spent)) / whole / cost.cores()
    return Result(load.count / took, *(seconds * 1000 / load.count for seconds in spent), peak[0], peak[1], others)


def _arrival(receiver: Sink, already: int, count: int) -> float:
    """When the last one arrived; minus infinity when nothing more comes."""
    seen, since = already, time.monotonic()
    while seen - already < count:
        time.sleep(0.01)
        if (now := receiver.count) > seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since > STALL_SECONDS:
            return float("-inf")
    return time.monotonic()


def _quiet(ground: Ground) -> None:
    """Wait until the contestant has nothing more to do: what it does after the last mail belongs to its cost."""
    deadline = time.monotonic() + _LONGEST_QUIET
    while time.monotonic() < deadline:
        before = ground.own.cpu() + ground.backing.cpu()
        time.sleep(_QUIET_SECONDS)
        if ground.own.cpu() + ground.backing.cpu() - before < _QUIET * _QUIET_SECONDS:
            return
