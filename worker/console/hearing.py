"""All that the store knows of one message, gathered for its story."""

from collections.abc import Sequence

from worker.console.records import LaneChange, Records
from worker.console.views.lane import SiteRow
from worker.console.views.message import Heard

_CHANGES = 500
"""Changes that are looked through for a lane's closure."""


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


async def closures(records: Records, known: Sequence[SiteRow]) -> Sequence[LaneChange]:
    """The newest changes of these sites' lanes that are closed or on trial: why they were closed is among them."""
    shut = [row.lane for site in known for row in site.lanes if row.state in ("closed", "on trial")]
    return await records.changes(shut, _CHANGES) if shut else ()
