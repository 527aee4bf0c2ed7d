"""Log and tracker side by side: every job on which they disagree is named, and no other."""

from feedback.event import encode
from feedback.log import Candidate, DeliveryLog, Face, Outcome
from feedback.tracker import Tracker
from feedback.tracker.reconciliation import Discrepancy, reconcile
from tests.unit.feedback.happenings import NOW, Job


async def accept(log: DeliveryLog, *jobs: Job) -> None:
    faces = [
        Face(
            job_id=job.job_id,
            delivery_id=job.delivery_id,
            wave=0,
            tenant="default",
            rcpt_to=job.rcpt_to,
            context={},
            test=job.test,
            expires_at=None,
        )
        for job in jobs
    ]
    await log.claim([Candidate(face, 0) for face in faces], NOW)


async def settle(log: DeliveryLog, final: str, *jobs: Job) -> None:
    await log.record(
        [Outcome(job_id=job.job_id, seq=1, attempt=1, event=encode(job.sent()), final=final) for job in jobs]
    )


async def discrepancies(log: DeliveryLog, tracker: Tracker, delivery_id: str | None = None) -> list[Discrepancy]:
    return [found async for found in reconcile(log, tracker, delivery_id, page=7)]


async def test_two_sides_that_agree_have_nothing_to_say(log: DeliveryLog, tracker: Tracker) -> None:
    jobs = [Job(f"j{n:03}", delivery_id=f"d{n % 2}") for n in range(60)]
    await accept(log, *jobs)
    await tracker.apply([job.accepted() for job in jobs])
    await settle(log, "sent", *jobs[:40])
    await tracker.apply([Job(job.job_id, job.delivery_id).sent() for job in jobs[:40]])
    assert await discrepancies(log, tracker) == []
    assert await discrepancies(log, tracker, "no such delivery") == []


async def test_every_job_that_breaks_the_sum_is_named_with_how(log: DeliveryLog, tracker: Tracker) -> None:
    jobs = {name: Job(name) for name in ("a-good", "b-unheard", "c-behind", "d-early", "e-other", "f-twice")}
    crowd = [Job(f"c{n:03}") for n in range(40)]  # so that the odd ones lie on different pages
    await accept(log, *jobs.values(), *crowd)
    await settle(log, "sent", *(job for name, job in jobs.items() if name != "d-early"))
    heard = [job.accepted() for name, job in jobs.items() if name != "b-unheard"] + [job.accepted() for job in crowd]
    heard += [Job(name).sent() for name in ("a-good", "d-early")]
    twice = Job("f-twice")
    heard += [Job("e-other").failed(), twice.failed(), twice.sent(), Job("g-unknown").sent()]
    await tracker.apply(heard)
    found = await discrepancies(log, tracker, "spring")
    assert [(one.job_id, one.log, one.tracker) for one in found] == [
        ("b-unheard", "sent", "absent"),
        ("c-behind", "sent", "in flight"),
        ("d-early", "in flight", "sent"),
        ("e-other", "sent", "failed"),
        ("f-twice", "sent", "sent"),
        ("g-unknown", "absent", "sent"),
    ]
    assert len({one.words for one in found}) == 6
    assert await discrepancies(log, tracker) == found
