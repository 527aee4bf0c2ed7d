"""All that the store knows of one message, gathered for its story."""

from worker.console.records import Records
from worker.console.views.message import Heard


async def hear(records: Records, job_id: str) -> Heard | None:
    """None: neither log nor tracker knows such a job."""
    known, logged = await records.message(job_id), await records.job(job_id)
    if known is None and logged is None:
        return None
    job, owner = logged or (None, None)
    attempts = await records.attempts(job_id)
    if known is None:
        return Heard(known, job, owner, attempts=attempts)
    bounces = await records.bounces(known.address, job_id)
    return Heard(known, job, owner, bounces, await records.quarantine(known.address), attempts)
