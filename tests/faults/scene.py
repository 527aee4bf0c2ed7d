"""One fault from beginning to end: an installation, jobs with known ids, workers, and what became of it all."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.acceptance.installation import COMMAND, Installation
from tests.faults.oracle import Copy, Evidence, Told, Verdict, judge
from tests.faults.transport import Transport
from tests.faults.witness import BrokerWitness
from worker.queue import Job

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0
"""Seconds within which everything must be settled after a fault is over."""

SETTINGS = """\
[broker]
url = "{broker}"
prefix = "{prefix}"
[store]
url = "{store}"
[smtp]
helo = "mta.test.example"
port = {port}
[retry]
first = "1s"
factor = 1.5
jitter = 0.0
[log]
format = "json"
"""


@dataclass
class Scene:
    """`name` is the delivery's id and the recipients' domain; `taken` the folder in which the sink keeps what it took."""

    name: str
    transport: Transport
    folder: Path
    port: int
    taken: Path
    worker_settings: dict[str, str] = field(default_factory=lambda: {"lease": '"2s"'})
    more_settings: str = ""
    hosts: Sequence[str] = ()
    routed: bool = True
    smtp_port: int = 25
    broker_url: str = ""
    store_url: str = ""
    jobs: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] = field(default_factory=dict)
    expiry: dict[str, float] = field(default_factory=dict)
    may_doubt: frozenset[str] = frozenset()
    unread: int = 0
    _workers: dict[subprocess.Popen[bytes], Path] = field(default_factory=dict)
    _installation: Installation | None = None
    _count: int = 0
    _started: int = 0
    _verdict: Verdict | None = None

    def __post_init__(self) -> None:
        self.broker_url = self.transport.broker_url
        self.store_url = self.transport.store_url
        index = self.taken / "index.jsonl"
        self.unread = index.stat().st_size if index.exists() else 0

    # What there is

    @property
    def installation(self) -> Installation:
        """Made when it is first asked for; settings must be complete by then."""
        if self._installation is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            settings = SETTINGS.format(
                broker=self.broker_url, prefix=self.transport.prefix, store=self.store_url, port=self.smtp_port
            )
            settings += "[worker]\n" + "".join(f"{key} = {value}\n" for key, value in self.worker_settings.items())
            if self.routed:
                hosts = json.dumps(list(self.hosts) or [f"127.0.0.1:{self.port}"])
                settings += f'[[route]]\ndomain = "*.{self.name}.example"\nhosts = {hosts}\n'
            self._installation = Installation(
                self.folder, settings + self.more_settings, self.store_url, self.transport.prefix
            )
        return self._installation

    def publish(self, count: int, tag: str = "", **fields: Any) -> list[str]:
        """Publish `count` more jobs, each with a recipient of its own who has `tag` behind a plus sign; their ids."""
        made = self.write(count, tag, **fields)
        self.transport.publish(list(made.values()))
        return list(made)

    def write(self, count: int, tag: str = "", **fields: Any) -> dict[str, Job]:
        """So many more jobs by their ids, for the caller to publish."""
        return dict(self._job(tag, fields) for _ in range(count))

    def again(self, job_ids: Sequence[str], **fields: Any) -> None:
        """Publish jobs once more under the same ids."""
        self.transport.publish([_job(self.name, job_id, self.jobs[job_id], fields) for job_id in job_ids])

    def _job(self, tag: str, fields: Mapping[str, Any]) -> tuple[str, Job]:
        number = self._count
        self._count += 1
        job_id = f"{self.name}.{number}"
        local = f"r{number}+{tag}" if tag else f"r{number}"
        self.jobs[job_id] = f"{local}@d{number % 5}.{self.name}.example"
        if "expires_at" in fields:
            self.expiry[job_id] = datetime.fromisoformat(fields["expires_at"]).timestamp()
        return job_id, _job(self.name, job_id, self.jobs[job_id], fields)

    def rule(self, **keys: str | int) -> None:
        """A traffic rule for this scene's sites, before the first worker."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        wanted = ["[[rule]]", 'name = "faults"', f'domain = ["*.{self.name}.example"]', *lines]
        (self.folder / "traffic.toml").write_text("\n".join(wanted) + "\n")
        self.more_settings += '[traffic]\nrules = ["traffic.toml"]\n'

    # What is done

    def worker(self, *plans: str) -> subprocess.Popen[bytes]:
        """Start a worker, with faults planted in it (see `failing`)."""
        config = ["--config", str(self.installation.config)]
        command = [*COMMAND, "worker", *config]
        if plans:
            command = [sys.executable, "-m", "tests.faults.failing", *plans, "--", "worker", *config]
        self._started += 1
        log = self.folder / f"worker-{self._started:02}.log"
        with log.open("wb") as opened:
            process = subprocess.Popen(command, stdout=opened, stderr=opened, cwd=ROOT)
        self._workers[process] = log
        return process

    def log(self, method: str) -> str:
        """A method of the delivery log, as a plan names it."""
        return f"{self.transport.log}.{method}"

    def queue(self, method: str) -> str:
        """A method of the job queue, as a plan names it."""
        return f"{self.transport.queue}.{method}"

    def died(self, worker: subprocess.Popen[bytes], patience: float = PATIENCE) -> None:
        """Wait for a worker to be killed; what it left undecided may be in doubt."""
        code = worker.wait(patience)
        assert code == -signal.SIGKILL, f"the worker was to be killed and ended with {code}: {self.installation.logs()}"
        del self._workers[worker]
        self.may_doubt |= self.transport.undecided(self.name)

    @staticmethod
    def later(seconds: float) -> str:
        """A time from now, as a job has it."""
        return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()

    def forget(self, worker: subprocess.Popen[bytes]) -> None:
        """It has ended, and need not be stopped."""
        del self._workers[worker]

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """Those that run."""
        return list(self._workers)

    def use_store(self, url: str) -> None:
        """Have the commands to come go straight to the store."""
        self._use(self.store_url, url)

    def use_broker(self, url: str) -> None:
        """Have the commands to come go straight to the broker."""
        self._use(self.broker_url, url)

    def _use(self, before: str, after: str) -> None:
        config = self.installation.config
        config.write_text(config.read_text().replace(before, after))

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        worker.kill()
        self.died(worker)

    def stop(self, worker: subprocess.Popen[bytes], patience: float = 45.0) -> None:
        """SIGTERM, which must end a worker with exit code 0 once it is at work: before, it ends as any program does."""
        log = self._workers[worker]
        self.until(lambda: '"event":"working"' in log.read_text(), "the worker to be at work")
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(patience)
        del self._workers[worker]
        assert code == 0, f"a worker ended with {code} on SIGTERM: {self.logs()}"

    # What came of it

    def arrived(self) -> list[Copy]:
        """What the sink took for this scene's recipients."""
        index = self.taken / "index.jsonl"
        if not index.exists():
            return []
        with index.open("rb") as opened:
            opened.seek(self.unread)
            entries = [json.loads(line) for line in opened.read().splitlines(keepends=True) if line.endswith(b"\n")]
        return [self._copy(entry) for entry in entries if entry["rcpt"].endswith(f".{self.name}.example")]

    def _copy(self, entry: Mapping[str, Any]) -> Copy:
        with (self.taken / entry["file"]).open("rb") as opened:
            head = opened.read(2048)
        return Copy(rcpt=entry["rcpt"], job_id=head.partition(b"\r\nX-Job: ")[2].partition(b"\r\n")[0].decode())

    def events(self) -> list[Told]:
        return self.transport.witness.events(self.name)

    def finals(self) -> set[str]:
        return {event["job_id"] for event in self.events() if event["final"]} & self.jobs.keys()

    def told(self, kind: str) -> set[str]:
        """The jobs of which an event of this kind was heard."""
        return {event["job_id"] for event in self.events() if event["event"] == kind}

    def ended(self, cause: str) -> list[Told]:
        """The final events with this cause."""
        return [event for event in self.events() if event["final"] and event.get("cause") == cause]

    def until(self, holds: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, f"waited {patience:g} s for {what}: {self.state()}"
            time.sleep(0.1)

    def settled(self, patience: float = PATIENCE) -> None:
        """Wait until every job's final event was heard."""
        self.until(lambda: len(self.finals()) == len(self.jobs), "the final events", patience)

    def state(self) -> str:
        return f"{len(self.finals())} of {len(self.jobs)} final, {len(self.arrived())} arrived; {self.logs()}"

    def said(self, event: str) -> bool:
        """Whether a worker has logged this."""
        return any(f'"event":"{event}"' in log.read_text() for log in self.folder.glob("*.log"))

    def logs(self) -> str:
        return "\n".join(f"== {log.name}\n{log.read_text()[-2000:]}" for log in sorted(self.folder.glob("*.log")))

    def verdict(self) -> Verdict:
        """What `verdict_now` said, or says now."""
        return self._verdict or self.verdict_now()

    def verdict_now(self, patience: float = 30.0) -> Verdict:
        """Stop the workers, have tracker and log agree within so many seconds, and judge."""
        for worker in list(self._workers):
            self.stop(worker)
        if not isinstance(self.transport.witness, BrokerWitness):
            evidence = self._evidence()  # before the tracker takes the feedback away
            with self.installation.running("tracker"):
                self._reconciled(patience)
        else:
            self._reconciled(patience)
            evidence = self._evidence()
        self._verdict = judge(evidence)
        return self._verdict

    def _evidence(self) -> Evidence:
        return Evidence(
            jobs=self.jobs,
            copies=self.arrived(),
            events=self.events(),
            expected=self.expected,
            may_doubt=self.may_doubt,
        )

    def _reconciled(self, patience: float) -> None:
        """The command of the same name must say so; the tracker may need a moment to read the last events."""
        deadline = time.monotonic() + patience
        command = ["reconcile", "--delivery", self.name, "--json"]
        while True:
            try:
                told = json.loads(self.installation.run(*command))
                break
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
        counted = {one["delivery_id"]: one["accepted"] for one in told["deliveries"]}.get(self.name, 0)
        assert counted == len(self.jobs), f"{counted} jobs in the log, {len(self.jobs)} accepted"

    def leave(self) -> None:
        """End whatever still runs."""
        for worker in self._workers:
            worker.kill()
            worker.wait()
        self._workers.clear()


def _job(delivery: str, job_id: str, rcpt: str, fields: Mapping[str, Any]) -> Job:
    body = fields.get("body", "hello\r\n")
    message = f"From: news@riverside.example\r\nTo: {rcpt}\r\nSubject: {delivery}\r\nX-Job: {job_id}\r\n\r\n{body}"
    job = {
        "job_id": job_id,
        "delivery_id": delivery,
        "mail_from": "bounce@riverside.example",
        "rcpt_to": rcpt,
        "message": message,
        **{name: value for name, value in fields.items() if name != "body"},
    }
    key = f"{fields.get('priority', 'bulk')}.{rcpt.partition('@')[2]}"
    return Job(body=json.dumps(job).encode(), routing_key=key)
