"""The two ways to run a worker: RabbitMQ with PostgreSQL, and the embedded queue and store."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncpg

from tests.faults.oracle import Told
from tests.faults.witness import BrokerWitness, FileWitness, PeekWitness, Witness
from tests.services.postgres import PostgresServer
from tests.services.rabbitmq import RabbitNode
from worker.queue import Job, JobPublisher
from worker.queue.rabbit import RabbitPublisher
from worker.queue.sqlite import SqlitePublisher

PREFIX = "faults"


class Transport(Protocol):
    """What a scene needs to know of queue and store; `steps` are the classes behind their seams, for `failing`."""

    witness: Witness

    @property
    def name(self) -> str: ...
    @property
    def prefix(self) -> str: ...
    @property
    def broker_url(self) -> str: ...
    @property
    def store_url(self) -> str: ...
    @property
    def log(self) -> str: ...
    @property
    def queue(self) -> str: ...

    def publish(self, jobs: Sequence[Job]) -> None:
        """Publish as a campaign service does."""

    def forget_sites(self) -> None:
        """What earlier scenes have taught workers about their receivers, who were the same, is none of the next one's."""

    def undecided(self, delivery: str) -> frozenset[str]:
        """The jobs whose final dot was about to leave, and no outcome is known."""


@dataclass
class Served:
    """One broker and one database for all scenes, as in an installation that goes through one fault after the other."""

    node: RabbitNode
    postgres: PostgresServer
    witness: Witness
    prefix: str = PREFIX
    name: str = "rabbitmq"
    log: str = "feedback.log.postgres:PostgresLog"
    queue: str = "worker.queue.rabbit.queue:RabbitQueue"

    @classmethod
    def on(
        cls, node: RabbitNode, postgres: PostgresServer, keep: Callable[[Told], Told] = lambda event: event
    ) -> "Served":
        """`keep`: what the witness keeps of each event."""
        return cls(node, postgres, BrokerWitness(node.url, PREFIX, keep))

    def unwatched(self, prefix: str) -> "Served":
        """An installation of its own, in which nothing but the feedback queue takes events."""
        return Served(self.node, self.postgres, PeekWitness(self.node.url, prefix), prefix)

    @property
    def broker_url(self) -> str:
        return self.node.url

    @property
    def store_url(self) -> str:
        return self.postgres.url

    def publish(self, jobs: Sequence[Job]) -> None:
        asyncio.run(_publish(RabbitPublisher(self.node.url, self.prefix), jobs))

    def forget_sites(self) -> None:
        asyncio.run(self._forget_sites())

    async def _forget_sites(self) -> None:
        connection = await asyncpg.connect(self.postgres.url)
        try:
            if await connection.fetchval("SELECT to_regclass('mta.lane')"):  # else no worker has worked yet
                await connection.execute("DELETE FROM mta.lane")
        finally:
            await connection.close()

    def undecided(self, delivery: str) -> frozenset[str]:
        return asyncio.run(self._undecided(delivery))

    async def _undecided(self, delivery: str) -> frozenset[str]:
        connection = await asyncpg.connect(self.postgres.url)
        try:
            rows = await connection.fetch(
                "SELECT job_id FROM mta.job WHERE (intent OR undecided) AND final IS NULL AND delivery_id = $1",
                delivery,
            )
        finally:
            await connection.close()
        return frozenset(row[0] for row in rows)


@dataclass
class Embedded:
    """Two files of the scene's own."""

    folder: Path
    prefix: str = PREFIX
    name: str = "embedded"
    log: str = "feedback.log.sqlite:SqliteLog"
    queue: str = "worker.queue.sqlite:SqliteQueue"

    def __post_init__(self) -> None:
        self.witness: Witness = FileWitness(self.folder / "queue.db", self.prefix)

    @property
    def broker_url(self) -> str:
        return f"sqlite:///{self.folder / 'queue.db'}"

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.folder / 'store.db'}"

    def publish(self, jobs: Sequence[Job]) -> None:
        asyncio.run(_publish(SqlitePublisher(self.folder / "queue.db", self.prefix), jobs))

    def forget_sites(self) -> None:
        """It is a new store."""

    def undecided(self, delivery: str) -> frozenset[str]:
        with closing(sqlite3.connect(self.folder / "store.db", timeout=10)) as connection:
            rows = connection.execute(
                "SELECT job_id FROM log_job WHERE (intent OR undecided) AND final IS NULL AND delivery_id = ?",
                (delivery,),
            ).fetchall()
        return frozenset(row[0] for row in rows)


async def _publish(publisher: JobPublisher, jobs: Sequence[Job]) -> None:
    await publisher.open()
    try:
        await publisher.publish(jobs)
    finally:
        await publisher.close()
