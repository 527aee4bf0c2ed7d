"""Worker processes under one: a dead one is replaced, in no hurry where that does not help."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from worker import supervisor


async def test_a_child_that_dies_young_is_replaced_ever_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "_PAUSE", 0.01)
    lives = tmp_path / "lives"
    life = f"with open({str(lives)!r}, 'a') as file: file.write('x'); raise SystemExit(3)"
    with capture_logs() as logs:
        supervising = asyncio.create_task(supervisor.supervise(["-c", life], [{}]))
        async with asyncio.timeout(60):
            while not lives.exists() or len(lives.read_text()) < 4:
                await asyncio.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
        await supervising
    assert [(log["code"], log["again_in"]) for log in logs[:3]] == [(3, 0.01), (3, 0.02), (3, 0.04)]
