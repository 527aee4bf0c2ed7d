"""A console at work over a furnished store, and a real browser to look at it."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.integration.console.furnished import furnish
from tests.services.postgres import database, execute
from tests.services.start import free_port, listens, wait_until
from worker.console.door import hashed
from worker.settings import load

COMMAND = str(Path(sys.executable).with_name("campaign-mta"))
CHROMIUM = "/usr/bin/chromium"
PASSWORD, TOKEN = "correct horse battery", "a-token-of-the-tests"

EMBEDDED = "sqlite:///store.db"
SETTINGS = """\
[broker]
url = "sqlite:///queue.db"
[store]
url = "{store}"
[console]
listen = "127.0.0.1:{port}"
password_hash = '{hash}'
token = "{token}"
"""

CREW = """
INSERT INTO mta.worker (id, name, lease, expires_at, steady_since)
SELECT gen_random_uuid(), name, lease, clock_timestamp() + lease - silent, clock_timestamp() - interval '3 hours'
FROM (VALUES
    ('mta-1-4711', interval '1 hour', interval '2 s'),
    ('mta-1-4712', interval '1 hour', interval '40 min'),
    ('mta-2-311', interval '10 s', interval '5 min')) AS crew (name, lease, silent)
"""
"""Workers that beat, are late, are lost."""


@dataclass(frozen=True)
class Served:
    """A console that runs, and where."""

    url: str
    settings: Path

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, follow_redirects=False, timeout=30)

    def program(self) -> httpx.Client:
        """Somebody with the token."""
        return self.client(authorization=f"Bearer {TOKEN}")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Iterator[Served]:
    """For tests that look and leave little behind: over the store that people run it with."""
    with database(postgres_url) as store:
        for console in serve(tmp_path_factory.mktemp("console"), store):
            execute(store, CREW)
            yield console


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """For tests that lock themselves out, or change what others look at."""
    yield from serve(tmp_path, EMBEDDED, size=100)


def serve(folder: Path, store: str, size: int = 3000) -> Iterator[Served]:
    port, settings = free_port(), folder / "campaign-mta.toml"
    settings.write_text(SETTINGS.format(store=store, port=port, hash=hashed(PASSWORD), token=TOKEN), "utf-8")
    asyncio.run(furnish(load(settings), time.time(), size))
    yield from started(port, settings)


def started(port: int, settings: Path) -> Iterator[Served]:
    folder = settings.parent
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([COMMAND, "console", "--config", str(settings)], stdout=log, stderr=log)
    try:
        wait_until(lambda: listens(port), "the console", (folder / "log").read_text)
        yield Served(f"http://127.0.0.1:{port}", settings)
    finally:
        process.terminate()
        code = process.wait(timeout=20)
    log_text = (folder / "log").read_text()
    assert code == 0, log_text
    assert "Traceback" not in log_text, log_text


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


async def sign_in(page: Page, url: str, password: str = PASSWORD) -> None:
    await page.goto(f"{url}/sign-in")
    await page.get_by_label("Your name").fill("Dana")
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
