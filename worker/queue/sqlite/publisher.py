"""The campaign service's side of the embedded queue."""

import time
from collections.abc import Sequence
from pathlib import Path

from worker.queue import Job
from worker.queue.sqlite.messages import Change, Messages, Row
from worker.queue.sqlite.names import Names


class SqlitePublisher:
    """`JobPublisher` on a SQLite file; any number may publish beside the worker."""

    def __init__(self, path: str | Path, prefix: str = "mta") -> None:
        self._names = Names(prefix)
        self._messages = Messages(Path(path))

    async def open(self) -> None:
        await self._messages.open()

    async def close(self) -> None:
        await self._messages.close()

    async def publish(self, jobs: Sequence[Job]) -> None:
        """Publish a batch of jobs in one transaction."""
        await self._messages.change(Change(add=[self._row(job, time.time()) for job in jobs]))

    def _row(self, job: Job, now: float) -> Row:
        transactional = job.routing_key.partition(".")[0] == "transactional"
        return Row(self._names.of(transactional=transactional), now, False, 0, job.content_type, "{}", job.body)
