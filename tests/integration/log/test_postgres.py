"""What only several processes on one PostgreSQL can show: who lives, who wins, and what a lost server costs."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import asyncpg
import pytest

from feedback.log import Elsewhere, Fresh, InDoubt, LogAway, Taken
from feedback.log.hand import Hand
from feedback.log.postgres import PostgresLog
from feedback.store.postgres import Postgres
from tests.integration.log.stores import NOW, delayed, face, sent, ticket
from tests.services.postgres import PostgresServer


@asynccontextmanager
async def worker(dsn: str, lease: float = 30.0) -> AsyncIterator[PostgresLog]:
    log = PostgresLog(Postgres(dsn), worker="w", lease=lease)
    await log.open()
    try:
        yield log
    finally:
        await log.close()


T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Ask until the answer is the wanted one; the test's own time limit is the end of it."""
    while True:
        if wanted(answer := await ask()):
            return answer
        await asyncio.sleep(0.02)


async def test_of_two_workers_that_claim_the_same_jobs_exactly_one_gets_each(database_url: str) -> None:
    rng = random.Random(7)
    jobs = [face() for _ in range(300)]
    async with AsyncExitStack() as stack:
        logs = [await stack.enter_async_context(worker(database_url)) for _ in range(3)]
        for waiting in (False, True):
            batches = [(log, rng.sample(jobs, 60)) for log in logs for _ in range(12)]
            rng.shuffle(batches)
            claims = await asyncio.gather(
                *(log.claim([ticket(job, int(waiting)) for job in batch], NOW) for log, batch in batches)
            )
            won: list[str] = []
            for answers in claims:
                won += [claim.state.face.job_id for claim in answers if isinstance(claim, Fresh | Taken)]
            asked = {job.job_id for _, batch in batches for job in batch}
            assert sorted(won) == sorted(asked)
            for log in logs:
                await log.record([delayed(job, NOW) for job in jobs])


async def test_workers_racing_on_everything_at_once_do_not_deadlock(database_url: str) -> None:
    jobs = [face(expires_at=NOW + 1) for _ in range(80)]

    async def live(log: PostgresLog, seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(25):
            batch = rng.sample(jobs, 40)
            await log.claim([ticket(job) for job in batch], NOW)
            ours = await log.intend([(job.job_id, 1) for job in rng.sample(batch, 40)])
            await log.due(NOW + 5, 20)
            anyones = [job.job_id for job in rng.sample(jobs, 40)]
            await log.release([(job_id, 1, None) for job_id in [*ours, *anyones]])
            await log.parked([(job.job_id, 0) for job in rng.sample(jobs, 40)])

    async with AsyncExitStack() as stack:
        logs = [await stack.enter_async_context(worker(database_url)) for _ in range(3)]
        await asyncio.gather(*(live(log, seed) for seed, log in enumerate(logs)))
        [tally] = await logs[0].tally("spring")
        assert (tally.accepted, tally.in_flight) == (80, 80)


async def test_a_worker_that_beats_keeps_its_claims_however_long_it_takes(database_url: str) -> None:
    job = face()
    async with worker(database_url, lease=0.3) as busy, worker(database_url, lease=0.3) as other:
        await busy.claim([ticket(job)], NOW)
        for _ in range(20):
            [claim] = await other.claim([ticket(job)], NOW)
            assert isinstance(claim, Elsewhere)
            await asyncio.sleep(0.05)


async def test_what_a_worker_that_stopped_beating_held_is_taken_over(database_url: str) -> None:
    job = face()
    async with worker(database_url, lease=0.3) as dying, worker(database_url, lease=0.3) as heir:
        await dying.claim([ticket(job)], NOW)
        await dying.intend([(job.job_id, 1)])
        assert dying._beating is not None
        dying._beating.cancel()

        async def claim() -> object:
            return (await heir.claim([ticket(job)], NOW))[0]

        assert isinstance(await eventually(claim, lambda claim: not isinstance(claim, Elsewhere)), InDoubt)


async def test_nobody_is_called_dead_by_a_worker_that_was_out_of_touch_itself(database_url: str) -> None:
    job = face()
    admin = await asyncpg.connect(database_url)
    async with worker(database_url) as late, worker(database_url) as back_first:
        await late.claim([ticket(job)], NOW)
        # The store was away for longer than anybody's lease; both come back, one a moment before the other.
        await admin.execute("UPDATE mta.worker SET expires_at = clock_timestamp() - interval '1 minute'")
        await back_first._beat()
        [claim] = await back_first.claim([ticket(job)], NOW)
        assert isinstance(claim, Elsewhere)
        # A whole lease later the other has still not been heard of.
        await admin.execute(
            "UPDATE mta.worker SET steady_since = clock_timestamp() - interval '31 s' WHERE expires_at > now()"
        )
        [claim] = await back_first.claim([ticket(job)], NOW)
        assert isinstance(claim, Fresh)
    await admin.close()


async def test_a_claim_whose_answer_was_lost_is_claimed_again(database_url: str) -> None:
    new, retried, doubtful = face(), face(), face()
    async with worker(database_url, lease=0.0) as dead:
        await dead.claim([ticket(doubtful)], NOW)
        await dead.intend([(doubtful.job_id, 1)])
        async with worker(database_url) as log:
            await log.claim([ticket(retried)], NOW)
            await log.record([delayed(retried, NOW)])
            tickets = [ticket(new), ticket(retried, 1), ticket(doubtful)]
            await log.claim(tickets, NOW)
            log._hand = Hand()  # as if that call had been cut off after its commit
            claims = await log.claim(tickets, NOW)
            assert [type(claim) for claim in claims] == [Fresh, Taken, InDoubt]


async def test_a_job_lost_and_still_worked_on_is_not_taken_again_before_that_work_has_found_out(
    database_url: str,
) -> None:
    job = face()
    async with worker(database_url, lease=0.0) as slow, worker(database_url) as heir:
        await slow.claim([ticket(job)], NOW)
        await heir.claim([ticket(job)], NOW)
        await heir.record([delayed(job, NOW)])
        [claim] = await slow.claim([ticket(job, 1)], NOW)
        assert isinstance(claim, Elsewhere)
        assert await slow.due(NOW + 1e9, 5) == []
        assert await slow.intend([(job.job_id, 1)]) == set()
        [claim] = await slow.claim([ticket(job, 1)], NOW)
        assert isinstance(claim, Taken)


async def test_a_due_call_whose_answer_was_lost_can_be_repeated(database_url: str) -> None:
    job = face(expires_at=NOW + 1)
    async with worker(database_url) as log:
        await log.claim([ticket(job)], NOW)
        await log.release([(job.job_id, 0, None)])
        await log.due(NOW + 2, 10)
        log._hand = Hand()
        assert [state.face for state in await log.due(NOW + 2, 10)] == [job]


async def test_a_settled_job_may_be_reported_by_whoever_asks_while_its_worker_lives(database_url: str) -> None:
    job = face()
    async with worker(database_url) as first, worker(database_url) as second:
        await first.claim([ticket(job)], NOW)
        outcome = sent(job)
        await first.record([outcome])
        [claim] = await second.claim([ticket(job)], NOW)
        assert getattr(claim, "state").last_event == outcome.event  # noqa: B009


async def test_many_processes_opening_an_empty_database_at_once_make_one_schema(database_url: str) -> None:
    logs = [PostgresLog(Postgres(database_url), worker=f"w{n}") for n in range(6)]
    await asyncio.gather(*(log.open() for log in logs))
    await logs[0].open()
    await asyncio.gather(*(log.close() for log in logs))


async def test_a_server_that_is_not_there_is_away(unused_tcp_port: int) -> None:
    log = PostgresLog(Postgres(f"postgresql://mta@127.0.0.1:{unused_tcp_port}/mta"), worker="w")
    with pytest.raises(LogAway):
        await log.open()
    with pytest.raises(LogAway):
        await log.claim([ticket(face())], NOW)
    await log.close()


async def test_after_a_crash_of_the_server_the_log_goes_on_with_what_was_committed(
    private_postgres: PostgresServer,
) -> None:
    job, other = face(), face()
    async with worker(private_postgres.url) as log:
        await log.claim([ticket(job), ticket(other)], NOW)
        assert await log.intend([(job.job_id, 1)]) == {job.job_id}
        private_postgres.kill()
        for call in (log.record([sent(job)]), log.claim([ticket(face())], NOW), log.tally(None), log.due(NOW, 5)):
            with pytest.raises(LogAway):
                await call
        private_postgres.start()

        async def record() -> set[str]:
            try:
                return await log.record([sent(job)])
            except LogAway:
                return set()

        assert await eventually(record, bool) == {job.job_id}
        assert await log.intend([(other.job_id, 1)]) == {other.job_id}


async def test_a_restart_in_the_middle_of_claims_leaves_none_of_them_stuck(private_postgres: PostgresServer) -> None:
    jobs = [face() for _ in range(400)]
    async with worker(private_postgres.url) as log:
        claimed: set[str] = set()

        async def claim_all() -> None:
            for start in range(0, len(jobs), 20):
                batch = jobs[start : start + 20]
                while True:
                    try:
                        claims = await log.claim([ticket(job) for job in batch], NOW)
                        break
                    except LogAway:
                        await asyncio.sleep(0.02)
                assert all(isinstance(claim, Fresh) for claim in claims)
                claimed.update(job.job_id for job in batch)

        async def restart() -> None:
            await eventually(lambda: asyncio.sleep(0, len(claimed)), lambda count: count >= 100)
            await asyncio.to_thread(private_postgres.stop)
            await asyncio.to_thread(private_postgres.start)

        await asyncio.gather(claim_all(), restart())
        assert len(claimed) == 400
