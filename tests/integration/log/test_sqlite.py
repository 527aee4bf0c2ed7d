"""What is particular to the embedded log: one worker process, readers beside it, a file that may be trouble."""

import asyncio
from pathlib import Path

import pytest

from feedback.log import Fresh, LogAway, Taken
from feedback.log.sqlite import SqliteLog
from tests.integration.log.stores import NOW, face, sent, ticket


async def test_a_second_worker_is_told_that_the_file_is_in_use_until_the_first_closes(tmp_path: Path) -> None:
    first, second = SqliteLog(tmp_path / "log.db", worker="first"), SqliteLog(tmp_path / "log.db", worker="second")
    await first.open()
    await second.open()
    job = face()
    await first.claim([ticket(job)], NOW)
    with pytest.raises(LogAway, match="another worker"):
        await second.claim([ticket(job)], NOW)
    await first.close()
    [claim] = await second.claim([ticket(job)], NOW)
    assert isinstance(claim, Fresh)
    await second.close()


async def test_readers_disturb_nobody(tmp_path: Path) -> None:
    worker, reader = SqliteLog(tmp_path / "log.db"), SqliteLog(tmp_path / "log.db")
    await worker.open()
    job = face()
    await worker.claim([ticket(job)], NOW)
    await reader.open()
    [tally] = await reader.tally("spring")
    assert tally.in_flight == 1
    assert await reader.finals("spring", "", 5) == [(job.job_id, None)]
    await reader.close()
    assert await worker.record([sent(job)]) == {job.job_id}
    await worker.close()


async def test_a_call_cut_off_in_the_middle_leaves_no_transaction_open(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    await log.open()
    jobs = [face() for _ in range(60)]
    for turns, job in enumerate(jobs):
        call = asyncio.create_task(log.claim([ticket(job)], NOW))
        for _ in range(turns % 12):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
    claims = [(await log.claim([ticket(job)], NOW))[0] for job in jobs]
    assert all(isinstance(claim, Fresh) for claim in claims)
    await log.close()


async def test_a_file_that_cannot_be_made_is_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LogAway):
        await SqliteLog(tmp_path / "file" / "log.db").open()


async def test_a_file_that_is_no_database_is_away(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"no database at all, and long enough to be looked at " * 40)
    with pytest.raises(LogAway):
        await SqliteLog(tmp_path / "log.db").open()


async def test_a_log_that_is_closed_is_away(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log.db")
    with pytest.raises(LogAway):
        await log.unpublished(10)
    await log.open()
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.release([(job.job_id, 1, None)])
    await log.close()
    with pytest.raises(LogAway):
        await log.claim([ticket(job)], NOW)
    await log.open()
    assert isinstance((await log.claim([ticket(job)], NOW))[0], Taken)
    await log.close()
