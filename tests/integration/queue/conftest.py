from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.queue.transports import RabbitTransport, SqliteTransport
from worker.queue import JobPublisher, JobQueue


@pytest.fixture(params=["rabbit", "sqlite"])
async def transport(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[RabbitTransport | SqliteTransport]:
    made = (
        RabbitTransport(url=request.getfixturevalue("amqp_url"))
        if request.param == "rabbit"
        else SqliteTransport(path=tmp_path / "queue.db")
    )
    await made.empty()
    yield made
    await made.close()


@pytest.fixture
async def queue(transport: RabbitTransport | SqliteTransport) -> JobQueue:
    return await transport.worker()


@pytest.fixture
async def publisher(transport: RabbitTransport | SqliteTransport) -> JobPublisher:
    return await transport.publisher()
