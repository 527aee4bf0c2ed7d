"""A great wave amid faults drawn by lot: `python -m tests.faults.soak [--count N] [--seed N]`.

Four workers on RabbitMQ and PostgreSQL send small mails to two sites. Every few seconds a worker is killed or stopped and
another started, broker or store restarted, connections closed, receivers reset or silent; one recipient in fifty has a
receiver who defers, drops the connection, refuses, or says 421. Prints a table, writes `build/soak.json`, and ends with 1
when a promise was broken. On two cores 20,000 take two and a half minutes, and so much the longer the more there are.
"""

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median

from aiormq.exceptions import AMQPError
from rich.console import Console
from rich.table import Table

from tests.faults.ground import Ground, ground
from tests.faults.hazards import CONNECTIONS, WORKERS, Hazards
from tests.faults.oracle import Verdict, gist
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene
from worker.queue import Job, QueueAway

ROOT = Path(__file__).parents[2]
TAGS = {
    "450-4.2.1-once": False, "421-4.3.2-once": False, "dot-421-4.3.2-once": False, "drop-once": False,
    "550-5.1.1": False, "drop-dot-once": True, "drop-taken-once": True,
}  # fmt: skip
"""What some recipients' receivers do, and whether that leaves a doubt."""
TAGGED = 50
BATCH = 1000
ENOUGH = 0.99
"""The share of the jobs after whose ends no more faults happen, for there is hardly anything left that they could hit."""
FAULTS, STRIKING = 120, 900.0
"""At most so many faults, and none after so many seconds."""
PAUSES = (2.0, 6.0)
PATIENCE = 300.0
"""Seconds without a single new final event after which the rest is thought to be stuck."""
GROWTH = 1.2
"""A worker's memory is flat when it ends with at most so many times of what it had after the first third."""

_ROUTES = """\
[[route]]
domain = "d4.{name}.example"
hosts = ["127.0.0.1:{proxy}"]
site = "beyond"
[[route]]
domain = "*.{name}.example"
hosts = ["127.0.0.1:{sink}"]
site = "near"
"""


@dataclass(frozen=True)
class Finding:
    """What a soak ends with. `memory`: MB of the oldest worker after the first third, at the end; the greatest of any."""

    verdict: Verdict
    doubts: int
    seconds: float
    faults: dict[str, int]
    memory: tuple[float, float, float]

    @property
    def breaches(self) -> list[str]:
        found = list(self.verdict.breaches)
        if self.doubts > self.verdict.doubt_window:
            found.append(f"{self.doubts} jobs in doubt, more than the {self.verdict.doubt_window} that could be")
        settled, last, _ = self.memory
        if last > GROWTH * settled:
            found.append(f"a worker grew from {settled:.0f} to {last:.0f} MB")
        return found


@dataclass
class Memory:
    """Resident memory of the workers in MB, looked at every second."""

    scene: Scene
    oldest: list[float] = field(default_factory=list)
    greatest: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator["Memory"]:
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def figures(self) -> tuple[float, float, float]:
        third = max(len(self.oldest) // 3, 1)
        part = max(third // 4, 1)
        return median(self.oldest[third : third + part] or self.oldest), median(self.oldest[-part:]), self.greatest

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            resident = [_resident(worker.pid) for worker in self.scene.workers]
            if resident:
                self.oldest.append(resident[0])
                self.greatest = max(self.greatest, *resident)


def _resident(pid: int) -> float:
    """Zero when there is no such process any more."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def feed(scene: Scene, count: int) -> None:
    """Publish so many jobs, a batch again for as long as it is not confirmed."""
    few = BATCH // TAGGED // len(TAGS)
    for _ in range(0, count, BATCH):
        batch = scene.write(BATCH - few * len(TAGS))
        for tag in TAGS:
            tagged = scene.write(few, tag)
            batch |= tagged
            if tag.startswith("5"):
                scene.expected |= dict.fromkeys(tagged, "failed/bounced")
        _insist(scene, list(batch.values()))


def _insist(scene: Scene, jobs: list[Job]) -> None:
    while True:
        try:
            return scene.transport.publish(jobs)
        except (QueueAway, AMQPError, OSError, RuntimeError, TimeoutError):
            time.sleep(0.5)


def soak(here: Ground, count: int, seed: int, console: Console) -> Finding:
    with here.scene("soak", "rabbitmq") as scene, Proxy(scene.port) as proxy:
        _lay_out(scene, proxy)
        hazards = Hazards(here, scene, proxy, random.Random(seed))
        began = time.monotonic()
        feeding = threading.Thread(target=feed, args=(scene, count), daemon=True)
        for _ in range(WORKERS):
            scene.worker()
        scene.until(lambda: scene.logs().count('"event":"working"') == WORKERS, "the workers")
        with Memory(scene).watched() as memory:
            feeding.start()
            _strike(hazards, count, console)
            _outlast(scene, count, console)
            feeding.join(PATIENCE)
            seconds = time.monotonic() - began
        doubted = {event["job_id"] for event in scene.events() if event["in_doubt"]}
        scene.may_doubt = frozenset(doubted)
        scene.expected |= {event["job_id"]: "failed/in_doubt" for event in scene.ended("in_doubt")}  # doubtful twice
        verdict = scene.verdict_now(PATIENCE)
    window = hazards.doubtful + sum(TAGS[tag] for job in scene.jobs.values() for tag in TAGS if f"+{tag}@" in job)
    return Finding(replace(verdict, doubt_window=window), len(doubted), seconds, dict(hazards.counts), memory.figures())


def _lay_out(scene: Scene, proxy: Proxy) -> None:
    scene.worker_settings = {"lease": '"5s"'}
    scene.routed = False
    scene.rule(connections=CONNECTIONS, messages_per_connection=1000, dot_timeout="3s")
    scene.more_settings += _ROUTES.format(name=scene.name, proxy=proxy.port, sink=scene.port)


def _final(scene: Scene) -> int:
    """How many jobs have come to their end; more of them are published meanwhile."""
    return len({event["job_id"] for event in scene.events() if event["final"]})


def _strike(hazards: Hazards, count: int, console: Console) -> None:
    """One fault after the other while there is mail."""
    began = time.monotonic()
    for number in range(FAULTS):
        time.sleep(hazards.rng.uniform(*PAUSES))
        final = _final(hazards.scene)
        if final > ENOUGH * count or time.monotonic() - began > STRIKING:
            return
        name = hazards.strike()
        console.print(
            f"{time.monotonic() - began:4.0f} s, {final} of {count} settled, fault {number + 1}: {name}",
            highlight=False,
        )


def _outlast(scene: Scene, count: int, console: Console) -> None:
    """Wait until all is settled, or nothing moves any more."""
    last, since = 0, time.monotonic()
    while (final := _final(scene)) < count and time.monotonic() - since < PATIENCE:
        if final > last:
            last, since = final, time.monotonic()
        time.sleep(1.0)
    console.print(f"{final} of {count} settled", highlight=False)


def _rows(finding: Finding) -> Iterator[tuple[str, str]]:
    verdict = finding.verdict
    settled, last, greatest = finding.memory
    yield "jobs", str(verdict.jobs)
    yield "delivered", str(verdict.delivered)
    yield "lost", str(verdict.lost)
    yield "duplicates, each of a job in doubt", str(verdict.duplicates)
    yield "jobs in doubt, and how many could be", f"{finding.doubts} of {verdict.doubt_window}"
    yield "final events", str(verdict.final_events)
    yield (
        "faults",
        f"{sum(finding.faults.values())}: " + ", ".join(f"{n} x {name}" for name, n in finding.faults.items()),
    )
    yield (
        "oldest worker's memory after a third, at the end; the greatest",
        f"{settled:.0f}, {last:.0f}; {greatest:.0f} MB",
    )
    yield "until all was settled", f"{finding.seconds:.0f} s, {verdict.jobs / finding.seconds:.0f}/s"
    yield "held", "yes" if not finding.breaches else f"NO: {len(finding.breaches)} breaches"


def _json(finding: Finding, seed: int) -> dict[str, object]:
    counts = asdict(finding.verdict)
    del counts["breaches"]
    return {
        "seed": seed, **counts, "doubts": finding.doubts, "seconds": round(finding.seconds, 1), "faults": finding.faults,
        "memory_mb": [round(each, 1) for each in finding.memory], "held": not finding.breaches,
        "breaches": finding.breaches[:100],
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=200_000, help="messages, in thousands (default 200000)")
    parser.add_argument("--seed", type=int, default=1, help="which faults happen, and when (default 1)")
    options = parser.parse_args()
    console = Console(width=160)
    count = -(-options.count // BATCH) * BATCH
    with ground(gist) as here:
        finding = soak(here, count, options.seed, console)
    table = Table("what", "figure")
    for row in _rows(finding):
        table.add_row(*row)
    console.print(table)
    for breach in finding.breaches[:20]:
        console.print(breach, markup=False, highlight=False)
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "soak.json").write_text(json.dumps(_json(finding, options.seed), indent=1) + "\n")
    return 0 if not finding.breaches else 1


if __name__ == "__main__":
    sys.exit(main())
