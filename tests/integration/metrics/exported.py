"""A worker's listener over an embedded queue and store, and what it says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from structlog.testing import capture_logs

from worker.process import Plant, build, tend
from worker.settings import load

SETTINGS = """
[broker]
url = "sqlite:///queue.db"
[store]
url = "sqlite:///store.db"
[metrics]
listen = "127.0.0.1:0"
[[route]]
domain = "*"
hosts = ["127.0.0.1:1"]
"""


@asynccontextmanager
async def working(folder: Path, given: str = SETTINGS) -> AsyncIterator[tuple[Plant, int]]:
    """A worker at work, and the port of its metrics."""
    file = folder / "mta.toml"
    file.write_text(given)
    settings = load(file)
    plant, stop = build(settings), asyncio.Event()
    with capture_logs() as told:
        running = asyncio.create_task(tend(plant, settings.worker, stop))
        try:
            async with asyncio.timeout(30):
                while not {"working", "metrics_listening"} <= {each["event"] for each in told}:
                    assert not running.done()
                    await asyncio.sleep(0.01)
            [port] = [each["port"] for each in told if each["event"] == "metrics_listening"]
            yield plant, port
        finally:
            stop.set()
            await running


async def get(port: int, path: str, accept: str = "*/*") -> tuple[int, str]:
    """Status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n".encode())
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split(" ")[1]), body
