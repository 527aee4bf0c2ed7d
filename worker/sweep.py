"""What is due whatever becomes of the tickets: expiry on time, events a dead worker left unpublished, old jobs forgotten."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog

from feedback.event import Event, encode
from feedback.log import DeliveryLog, Outcome, State
from feedback.writer import Writer
from worker.outage import Outage
from worker.settlement import Settlement

_log = structlog.get_logger("worker.sweep")

_BATCH = 500
_EVERY = 2.0


class Sweep:
    """Runs in every worker; the log sees to it that no two take the same job."""

    def __init__(
        self, log: DeliveryLog, settlement: Settlement, writer: Writer, outage: Outage, clock: Callable[[], float]
    ) -> None:
        self._log = log
        self._settlement = settlement
        self._writer = writer
        self._outage = outage
        self._clock = clock

    async def run(self, remember: float) -> None:
        """Sweep until cancelled; settled jobs are forgotten `remember` seconds after their final event."""
        while True:
            await self._outage.outlast(self.once)
            await self._outage.outlast(lambda: self._forget(remember))
            await asyncio.sleep(_EVERY)

    async def once(self) -> None:
        """Publish what dead workers left, settle what has expired."""
        for event in await self._log.unpublished(_BATCH):
            await self._settlement.publish(event)
            await self._log.published([_job_id(event)])
        while states := await self._log.due(self._clock(), _BATCH):
            await self._expire(states)

    async def _expire(self, states: Sequence[State]) -> None:
        now = self._clock()
        outcomes = [_outcome(state, self._writer.expired(state, now)) for state in states]
        written = await self._log.record(outcomes)
        _log.info("expired", jobs=len(written))
        # A dead worker may have left them before anybody heard that they were accepted.
        accepted = [encode(self._writer.accepted(state)) for state in states if state.seq == 0]
        expired = [outcome.event for outcome in outcomes if outcome.job_id in written]
        for confirmation in [self._settlement.publish(event) for event in (*accepted, *expired)]:
            await confirmation
        await self._log.published(sorted(written))

    async def _forget(self, remember: float) -> None:
        """A batch a sweep: what is left goes with the next ones."""
        await self._log.forget(self._clock() - remember, _BATCH)


def _outcome(state: State, event: Event) -> Outcome:
    return Outcome(
        job_id=state.face.job_id,
        seq=event.seq,
        attempt=state.attempt,
        event=encode(event),
        final="failed",
        doubtful=state.doubtful,
    )


def _job_id(event: bytes) -> str:
    return msgspec.json.decode(event, type=Event).job_id
