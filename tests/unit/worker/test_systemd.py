"""What systemd hears of a worker."""

import asyncio
import socket
from pathlib import Path

from worker.metrics.health import Health, Stage
from worker.outage import Outage
from worker.systemd import tell


async def test_it_hears_that_a_worker_runs_once_and_that_it_lives_again_and_again(tmp_path: Path) -> None:
    health = Health(Outage())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.setblocking(False)
        ear.bind(str(tmp_path / "notify"))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000"}
        telling = asyncio.create_task(tell(health, environment))
        first = await heard(ear)
        health.stage = Stage.WORKING
        later = [await heard(ear) for _ in range(2)]
        telling.cancel()
    assert first == "READY=1\nSTATUS=starting\nWATCHDOG=1\n"
    assert later == ["STATUS=takes jobs\nWATCHDOG=1\n"] * 2


async def test_nothing_is_said_where_nobody_listens() -> None:
    await tell(Health(Outage()), {})


async def heard(ear: socket.socket) -> str:
    return (await asyncio.get_running_loop().sock_recv(ear, 1000)).decode()
