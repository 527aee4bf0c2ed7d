"""The campaign service's side, as `send` and the demo play it."""

from collections.abc import Sequence

from aiormq import spec

from worker.queue import Job
from worker.queue.rabbit.link import Link, Wire
from worker.queue.rabbit.names import Names
from worker.queue.rabbit.outlet import Outlet, Posting
from worker.queue.rabbit.topology import declare

_IN_FLIGHT = 200


class RabbitPublisher:
    """`JobPublisher` on RabbitMQ; `timeout` (seconds) is how long a job may wait for its confirmation."""

    def __init__(self, url: str, prefix: str = "mta", *, timeout: float = 30.0) -> None:
        self._names = Names(prefix)
        self._timeout = timeout
        self._link = Link(url, self._outlet)

    async def open(self) -> None:
        await self._link.open()

    async def close(self) -> None:
        await self._link.close()

    async def publish(self, jobs: Sequence[Job]) -> None:
        """Publish a batch of jobs; returns when all are confirmed.

        Raises:
            QueueAway: some were not, and it is not known which; publishing all again does no harm.
        """
        for start in range(0, len(jobs), _IN_FLIGHT):
            await self._link.up.publish_all([self._posting(job) for job in jobs[start : start + _IN_FLIGHT]])

    def _posting(self, job: Job) -> Posting:
        properties = spec.Basic.Properties(content_type=job.content_type, delivery_mode=2)
        return Posting(job.body, properties, self._names.jobs, job.routing_key)

    async def _outlet(self, wire: Wire) -> Outlet:
        await declare(wire, self._names)
        return await Outlet(wire, self._timeout).open()
