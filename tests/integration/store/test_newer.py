"""A program that meets the store of a newer one."""

import asyncio
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from feedback.log.postgres import PostgresLog
from feedback.log.sqlite import SqliteLog
from feedback.store.postgres import Postgres
from tests.acceptance.installation import COMMAND
from worker.adapters import opened

LATER = "INSERT INTO {} (number, name) VALUES (9999, '9999_what_is_to_come')"


async def advance_postgres(url: str) -> None:
    async with opened(PostgresLog(Postgres(url), worker="w")):
        connection = await asyncpg.connect(url)
        await connection.execute(LATER.format("mta.migration"))
        await connection.close()


async def advance_sqlite(file: Path) -> None:
    async with opened(SqliteLog(file)):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(LATER.format("log_migration"))


@pytest.fixture(params=["postgres", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store that a newer program has opened."""
    if request.param == "postgres":
        url = str(request.getfixturevalue("database_url"))
        asyncio.run(advance_postgres(url))
        return url
    asyncio.run(advance_sqlite(tmp_path / "store.db"))
    return "sqlite:///store.db"


@pytest.mark.parametrize("command", ["worker", "orders"])
def test_an_older_program_refuses_it_and_says_what_to_do(url: str, command: str, tmp_path: Path) -> None:
    config = tmp_path / "campaign-mta.toml"
    config.write_text(f'[broker]\nurl = "sqlite:///queue.db"\n[store]\nurl = "{url}"\n')
    ended = subprocess.run([*COMMAND, command, "--config", config], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "is of a newer campaign-mta: it has migration 9999" in ended.stderr
    assert "restore a backup" in ended.stderr
