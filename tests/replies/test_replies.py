"""Every reply in the files beside this one means what it is said to mean."""

import csv
from pathlib import Path

import pytest

from feedback.qualifier import Qualifier
from feedback.qualifier.line import hear, qualify_line
from mta.attempt import Phase
from mta.traffic.signal import signal_of

FILES = sorted(Path(__file__).parent.glob("*.tsv"))
QUALIFIER = Qualifier.stock()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_there_are_at_least_1500_distinct_lines_each_with_its_source() -> None:
    every = [row for path in FILES for row in rows(path)]
    assert len({(row["reply"], row["phase"], row["mx"]) for row in every}) == len(every) >= 1500
    assert all(row["source"] for row in every)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_is_qualified_as_expected(path: Path) -> None:
    wrong = []
    for row in rows(path):
        found = qualify_line(QUALIFIER, {"reply": row["reply"], "phase": row["phase"], "mx": row["mx"] or None})
        answer = (found["type"], str(found["reason"]), "yes" if found["retry"] else "no")
        if answer != (row["type"], row["reason"], row["retry"]):
            wrong.append((row["reply"], answer, found["rule"]))
    assert not wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_is_the_signal_expected(path: Path) -> None:
    wrong = []
    for row in rows(path):
        heard = hear(row["reply"], Phase(row["phase"]), row["mx"] or None)
        signal = signal_of(heard.reply.line, heard.phase).kind.value
        if signal != row["signal"]:
            wrong.append((row["reply"], signal))
    assert not wrong
