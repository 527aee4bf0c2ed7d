from pathlib import Path

import pytest

from feedback.log import postgres as log_postgres
from feedback.log import sqlite as log_sqlite
from feedback.store import NewerStore
from feedback.store.migration import Migration, migrations, missing
from feedback.tracker import postgres as tracker_postgres
from feedback.tracker import sqlite as tracker_sqlite


def test_migrations_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0002_b.sql", "0001_z.sql"):
        (tmp_path / name).write_text(f"-- {name}")
    assert migrations(tmp_path) == [Migration(1, "0001_z", "-- 0001_z.sql"), Migration(2, "0002_b", "-- 0002_b.sql")]


@pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_a_gap_or_a_number_twice_is_a_fault(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(ValueError, match="without gaps"):
        migrations(tmp_path)


def test_what_is_applied_is_not_applied_again() -> None:
    one, two = Migration(1, "a", ""), Migration(2, "b", "")
    assert missing([one, two], {1}, "it") == [two]
    assert missing([one, two], {1, 2}, "it") == []


def test_what_a_newer_program_has_applied_is_refused_and_named() -> None:
    with pytest.raises(
        NewerStore, match=r"store\.db is of a newer campaign-mta: it has migration 3, and this one knows 1"
    ):
        missing([Migration(1, "a", "")], {1, 2, 3}, "store.db")


@pytest.mark.parametrize("room", [log_postgres, log_sqlite, tracker_postgres, tracker_sqlite])
def test_the_migrations_of_the_house_are_numbered_right(room: object) -> None:
    assert migrations(room.MIGRATIONS)  # type: ignore[attr-defined]
