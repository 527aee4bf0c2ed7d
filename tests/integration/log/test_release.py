"""Releases and claims of one job at the same time."""

import asyncio

from feedback.log import Claim, DeliveryLog, Elsewhere, Taken
from tests.integration.log.stores import NOW, face, ticket


async def test_a_release_takes_no_claim_with_it_that_another_ticket_makes_meanwhile(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    for attempt in range(1, 40):
        releasing = asyncio.create_task(log.release([(job.job_id, attempt - 1, None)]))
        for _ in range(attempt % 8):
            await asyncio.sleep(0)
        claim: Claim = Elsewhere(0)
        while not isinstance(claim, Taken):
            await asyncio.sleep(0)
            [claim] = await log.claim([ticket(job)], NOW)
        await releasing
        assert await log.intend([(job.job_id, attempt)]) == {job.job_id}
