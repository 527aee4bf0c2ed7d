"""The reference of the configuration is whole, true, and that of the code."""

from pathlib import Path

import pytest

from worker.meanings import MEANINGS
from worker.reference import Key, keys, reference

WRITTEN = Path(__file__).parents[3] / "deploy" / "configuration.md"
KEYS = [pytest.param(key, id=f"{key.file}:{key.table}{key.name}") for key in keys()]


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_meaning_a_type_and_a_default(key: Key) -> None:
    assert key.meaning
    assert key.kind
    assert key.default


@pytest.mark.parametrize("key", KEYS)
def test_a_wrong_value_of_every_key_is_refused_with_file_key_and_reason(key: Key) -> None:
    said = key.refusal()
    assert said is not None
    assert said.startswith(f"{key.file}: ")
    assert len(said.rpartition(key.name)[2]) > 5 or "Expected" in said


def test_no_meaning_is_left_of_a_key_that_is_gone() -> None:
    known = {(key.file, key.table, key.name) for key in keys()}
    told = {
        (file, table, name) for file, tables in MEANINGS.items() for table, names in tables.items() for name in names
    }
    assert told <= known


def test_the_written_reference_is_that_of_the_code() -> None:
    assert WRITTEN.read_text(encoding="utf-8") == reference(), "make schemas"
