"""What is due whatever becomes of the tickets: expiry on time, the jobs of cancelled deliveries, events a dead worker left
unpublished, old jobs forgotten."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import structlog

from feedback.event import Event, encode
from feedback.log import MAX_VALIDITY, DeliveryLog, Outcome, State
from feedback.writer import Writer
from worker.disposition import Done, GiveUp, lapse
from worker.orders.view import Orders
from worker.outage import Outage
from worker.settlement import Settlement

_log = structlog.get_logger("worker.sweep")

_BATCH = 500
_EVERY = 2.0


class Sweep:
    """Runs in every worker; the log sees to it that no two take the same job."""

    def __init__(
        self,
        log: DeliveryLog,
        settlement: Settlement,
        writer: Writer,
        outage: Outage,
        clock: Callable[[], float],
        orders: Orders,
    ) -> None:
        self._log = log
        self._orders = orders
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
        """Publish what dead workers left, settle what has expired or was cancelled."""
        for event in await self._log.unpublished(_BATCH):
            await self._settlement.publish(event)
            await self._log.published([_job_id(event)])
        await self._expire()
        while states := await self._cancelled():
            await self._settle(states, self._writer.cancelled)
            await self._expire()  # on time, however many are cancelled

    async def _expire(self) -> None:
        while states := await self._log.due(self._clock(), _BATCH):
            await self._settle(states, self._lapsed)

    def _lapsed(self, state: State, now: float) -> Event:
        match lapse(state.face.on_doubt, state.doubtful):
            case Done():
                return self._writer.sent(state, now, None)
            case GiveUp(failure):
                return self._writer.failed(state, now, failure)
            case _:
                return self._writer.expired(state, now)

    async def _cancelled(self) -> list[State]:
        """No job lives longer than `MAX_VALIDITY`; one that comes up later still is cancelled by its ticket."""
        deliveries = [order.delivery_id for order in self._orders.cancellations(self._clock() - MAX_VALIDITY)]
        return await self._log.unsettled(deliveries, _BATCH) if deliveries else []

    async def _settle(self, states: Sequence[State], write: Callable[[State, float], Event]) -> None:
        """Settle what was just taken into our hands: nobody else will, so each step is repeated until it is done.

        What a job's last worker reported may not be out, and the log keeps the newest event only: so the one before goes
        out, perhaps again, before it is written over.
        """
        await self._published([self._newest(state) for state in states if not state.told])
        now = self._clock()
        events = [write(state, now) for state in states]
        outcomes = [Outcome.of(state, event) for state, event in zip(states, events, strict=True)]
        written = await self._outage.outlast(lambda: self._log.record(outcomes))
        ended: Counter[str] = Counter()
        for state, event in zip(states, events, strict=True):
            if event.job_id in written:
                ended[self._settlement.concluded(state, event, None, now)] += 1
        for final, jobs in ended.items():
            _log.info("swept", final=final, jobs=jobs)
        await self._published([outcome.event for outcome in outcomes if outcome.job_id in written])
        await self._outage.outlast(lambda: self._log.published(sorted(written)))

    def _newest(self, state: State) -> bytes:
        return state.last_event or encode(self._writer.accepted(state))

    async def _published(self, events: Sequence[bytes]) -> None:
        for confirmation in [self._settlement.publish(event) for event in events]:
            await confirmation

    async def _forget(self, remember: float) -> None:
        """A batch a sweep: what is left goes with the next ones."""
        await self._log.forget(self._clock() - remember, _BATCH)


def _job_id(event: bytes) -> str:
    return msgspec.json.decode(event, type=Event).job_id
