"""Where an adapter keeps things: each test that asks for a place runs once on PostgreSQL and once in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from feedback.store.postgres import Postgres

F = TypeVar("F")
S = TypeVar("S")


class Place:
    """One store, empty; `PostgresUnknownReplies`-like adapters stand on a pool of its own, the others take its path."""

    def __init__(self, where: str | Path) -> None:
        self._where = where

    def reach(self, shared: Callable[[Postgres], S], in_file: Callable[[Path], F]) -> S | F:
        """A process's way there: another adapter each time."""
        return shared(Postgres(self._where)) if isinstance(self._where, str) else in_file(self._where)


@pytest.fixture(params=["postgres", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(str(request.getfixturevalue("database_url")) if request.param == "postgres" else tmp_path / "store.db")
