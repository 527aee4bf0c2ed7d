"""The embedded queue among processes: one worker, others beside it, and a worker killed."""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.queue.transports import within
from worker.queue import Job, QueueAway, QueueTaken, Ticket
from worker.queue.sqlite import SqliteFeedback, SqlitePublisher, SqliteQueue
from worker.queue.sqlite.messages import Change, Messages, Row

ROOT = Path(__file__).parents[3]

TAKER = """
import asyncio, sys
from worker.queue import Job
from worker.queue.sqlite import SqlitePublisher, SqliteQueue

async def main(path):
    queue, publisher = SqliteQueue(path), SqlitePublisher(path)
    await queue.open()
    await publisher.open()
    await publisher.publish([Job(body=b"%d" % number, routing_key="bulk.x") for number in range(20)])
    tickets = await queue.take(transactional=False, limit=20)
    await queue.done(tickets[0])
    await queue.park(tickets[1], delay=0, generation=1, transactional=False)
    await queue.done(tickets[1])
    print("taken", flush=True)
    await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""

PUBLISHER = """
import asyncio, sys
from worker.queue import Job
from worker.queue.sqlite import SqlitePublisher

async def main(path):
    publisher = SqlitePublisher(path)
    await publisher.open()
    for number in range(100):
        await publisher.publish([Job(body=b"%d" % number, routing_key="bulk.x")])
    await publisher.close()

asyncio.run(main(sys.argv[1]))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


async def run(program: str, path: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def test_a_second_worker_is_told_that_there_is_one(path: Path) -> None:
    first, second = SqliteQueue(path), SqliteQueue(path)
    await first.open()
    with pytest.raises(QueueTaken, match="serves one worker process"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_a_killed_worker_s_tickets_come_up_for_the_next_and_what_it_did_stands(path: Path) -> None:
    process = await run(TAKER, path)
    assert process.stdout is not None
    assert await within(process.stdout.readline()) == b"taken\n"
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    queue = SqliteQueue(path)
    await queue.open()
    found: list[Ticket] = []
    while len(found) < 19:
        found += await within(queue.take(transactional=False, limit=100))
    assert sorted((int(ticket.body), ticket.generation) for ticket in found) == [
        (1, 1),
        *((number, 0) for number in range(2, 20)),
    ]
    await queue.close()


async def test_what_another_process_publishes_is_taken_in_its_order(path: Path) -> None:
    queue = SqliteQueue(path)
    await queue.open()
    process = await run(PUBLISHER, path)
    seen: list[int] = []
    while len(seen) < 100:
        for ticket in await within(queue.take(transactional=False, limit=7)):
            seen.append(int(ticket.body))
            await queue.done(ticket)
    assert seen == list(range(100))
    await within(process.communicate())
    await queue.close()


async def test_a_job_published_before_the_clock_was_set_back_comes_up_and_a_parked_one_waits(path: Path) -> None:
    queue, messages = SqliteQueue(path), Messages(path)
    await queue.open()
    await messages.open()
    later = time.time() + 3600
    rows = [
        Row("mta.bulk", later, parked, 0, None, "{}", body) for parked, body in ((True, b"parked"), (False, b"new"))
    ]
    await messages.change(Change(add=rows))
    [ticket] = await within(queue.take(transactional=False, limit=10))
    assert ticket.body == b"new"
    await messages.close()
    await queue.close()


async def test_a_queue_waits_for_a_full_disk_and_goes_on(path: Path) -> None:
    queue, publisher = SqliteQueue(path), SqlitePublisher(path)
    await queue.open()
    await publisher.open()
    limit = publisher._messages._store._connection
    assert limit is not None
    await publisher.publish([Job(body=b"a", routing_key="bulk.x")])
    await limit.execute("PRAGMA max_page_count = 1")
    with pytest.raises(QueueAway, match="full"):
        await publisher.publish([Job(body=b"b" * 1_000_000, routing_key="bulk.x")])
    await limit.execute("PRAGMA max_page_count = 1000000")
    await publisher.publish([Job(body=b"c", routing_key="bulk.x")])
    assert [ticket.body for ticket in await within(queue.take(transactional=False, limit=10))] == [b"a", b"c"]
    await publisher.close()
    await queue.close()


async def test_finished_messages_leave_nothing_in_the_file(path: Path) -> None:
    queue, publisher, stream = SqliteQueue(path), SqlitePublisher(path), SqliteFeedback(path)
    for each in (queue, publisher, stream):
        await each.open()
    await publisher.publish([Job(body=b"a", routing_key="transactional.x")])
    [ticket] = await within(queue.take(transactional=True, limit=1))
    await queue.publish_events(b"{}")
    await queue.done(ticket)
    await stream.done(await within(stream.take(1)))
    for each in (queue, publisher, stream):
        await each.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM queue_message").fetchone() == (0,)


async def test_the_file_is_synced_at_each_commit(path: Path) -> None:
    messages = Messages(path)
    await messages.open()
    connection = messages._store._connection
    assert connection is not None
    told = [(await connection.execute_fetchall(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous")]
    assert [next(iter(rows))[0] for rows in told] == ["wal", 2]
    await messages.close()
