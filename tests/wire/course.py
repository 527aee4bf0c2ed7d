"""A scenario sent by real workers, over RabbitMQ and PostgreSQL, to sites that behave as it says.

All is as an operator would have it, but for a trigger in the database that keeps every version of every lane's account.
"""

import asyncio
import json
import random
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from feedback.store.postgres import Postgres
from mta.traffic.memory import decode
from tests.acceptance.installation import COMMAND, Installation
from tests.wire.proof import Event, Proof, Version, prove, read_events
from worker.shares.postgres import PostgresShares
from worker.simulation.scenario import Scenario, allotted, read

SETTINGS = """\
[broker]
url = "{broker}"
prefix = "{prefix}"
[store]
url = "{store}"
[smtp]
helo = "mta.test.example"
[traffic]
rules = ["traffic.toml"]
"""

# Every version of an account, by the database's own clock.
KEEP = """
CREATE TABLE public.kept (lane text NOT NULL, at float8 NOT NULL, account text NOT NULL);
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.kept VALUES (NEW.lane, extract(epoch FROM clock_timestamp()), NEW.account);
    RETURN NULL;
END $$;
CREATE TRIGGER keep AFTER INSERT OR UPDATE ON mta.lane FOR EACH ROW EXECUTE FUNCTION public.keep();
"""


@dataclass
class Course:
    """`text` is the scenario's; `folder` is empty."""

    text: str
    folder: Path
    broker: str
    store: str
    prefix: str
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    most: int = 0

    @property
    def scenario(self) -> Scenario:
        return read(self.text)

    @property
    def audit(self) -> Path:
        return self.folder / "audit.jsonl"

    def events(self) -> list[Event]:
        return read_events(self.audit.read_text(encoding="utf-8")) if self.audit.exists() else []

    def settled(self) -> int:
        """Messages taken or refused for good, as the sites count."""
        return sum(event.what in ("taken", "unknown") for event in self.events())

    @contextmanager
    def sites(self) -> Iterator[dict[str, int]]:
        """The sites, listening; their ports."""
        policy = self.folder / "policy.toml"
        policy.write_text(self.text, encoding="utf-8")
        command = [*COMMAND, "sink", "--port", "0", "--json", "--policy", str(policy), "--audit", str(self.audit)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["sites"]
        finally:
            process.terminate()
            process.stdout.read()
            process.wait(30)
            process.stdout.close()

    def installed(self, ports: dict[str, int]) -> Installation:
        """The configuration: a route for each site, and the scenario's own rules."""
        settings = SETTINGS.format(broker=self.broker, prefix=self.prefix, store=self.store)
        for site, port in ports.items():
            settings += f'[[route]]\ndomain = "{site}.example"\nhosts = ["127.0.0.1:{port}"]\nsite = "{site}"\n'
        installation = Installation(self.folder, settings, self.store, self.prefix)
        (self.folder / "traffic.toml").write_text(_rules(self.text), encoding="utf-8")
        return installation

    def enqueue(self, installation: Installation) -> None:
        """All messages, in the order of the dice, before there is any worker; and the trigger."""
        asyncio.run(_prepared(self.store))
        scenario = self.scenario
        addresses = [f"r{n}@{site}.example" for _, site, many in allotted(scenario) for n in range(many)]
        random.Random(scenario.seed).shuffle(addresses)
        installation.send("wire", addresses)

    def start(self, installation: Installation, many: int) -> None:
        """So many workers more."""
        self.workers += [installation.start("worker") for _ in range(many)]
        self.most = max(self.most, len(self.workers))

    def kill_one(self) -> None:
        """kill -9 the first worker."""
        victim = self.workers.pop(0)
        victim.kill()
        victim.wait()

    def until(self, holds: Callable[[], bool], patience: float, logs: Callable[[], str]) -> None:
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, f"{self.settled()} settled; {logs()}"
            time.sleep(0.5)

    def stop(self) -> None:
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.wait(60)
        self.workers.clear()

    def proofs(self) -> dict[str, Proof]:
        """Each site's count against its lane's grants."""
        versions, events, rule = self._versions(), self.events(), self.scenario.rules[0]
        lanes = {lane.partition(">")[2]: kept for lane, kept in versions.items()}
        return {
            site: prove(site, lanes[site], events, rule, self.most) for _, site, many in allotted(self.scenario) if many
        }

    def _versions(self) -> dict[str, list[Version]]:
        found: dict[str, list[Version]] = {}
        for lane, at, text in asked(self.store, "SELECT lane, at, account FROM public.kept ORDER BY at"):
            account = decode(text, at) if text else None
            if account is not None:
                found.setdefault(lane, []).append(Version(at, account))
        return found


def asked(url: str, statement: str) -> Sequence[Any]:
    """What the store answers."""

    async def ask() -> Sequence[Any]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return asyncio.run(ask())


async def _prepared(url: str) -> None:
    shares = PostgresShares(Postgres(url))
    await shares.open()
    await shares.close()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(KEEP)
    finally:
        await connection.close()


def _rules(text: str) -> str:
    """The scenario's rules as a rule file."""
    lines = []
    for rule in tomllib.loads(text)["rule"]:
        lines += ["[[rule]]", *(f"{key} = {json.dumps(value)}" for key, value in rule.items())]
    return "\n".join(lines) + "\n"
