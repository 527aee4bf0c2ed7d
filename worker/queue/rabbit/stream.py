"""The tracker's side: the feedback queue."""

from collections.abc import Sequence

from feedback.stream import FeedbackMessage
from worker.queue.rabbit.intake import Intake
from worker.queue.rabbit.link import Link, Wire
from worker.queue.rabbit.names import Names
from worker.queue.rabbit.topology import declare


class RabbitFeedback:
    """`FeedbackStream` on RabbitMQ; `open` may raise `QueueAway`, and outages after it are waited through."""

    def __init__(self, url: str, prefix: str = "mta", *, prefetch: int = 200) -> None:
        self._names = Names(prefix)
        self._intake = Intake(self._names.feedback, prefetch)
        self._link = Link(url, self._attach)

    async def open(self) -> None:
        await self._link.open()

    async def close(self) -> None:
        await self._intake.close()
        await self._link.close()

    async def take(self, limit: int) -> list[FeedbackMessage]:
        return [FeedbackMessage(each.message.body, receipt=each) for each in await self._intake.take(limit)]

    async def done(self, messages: Sequence[FeedbackMessage]) -> None:
        for message in messages:
            message.receipt.done()

    async def _attach(self, wire: Wire) -> None:
        await declare(wire, self._names)
        await self._intake.attach(wire)
