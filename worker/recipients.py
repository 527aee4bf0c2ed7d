"""A list of recipients: a CSV file read row by row, however long it is.

UTF-8, with or without a byte order mark; separated by `,` or `;`; the first row names the columns, one of them `email`.
Nothing is held but the row at hand; which addresses were met before is kept in a temporary database.
"""

import csv
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mta.envelope import Mailbox, parse_mailbox

EMAIL = "email"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Recipient:
    """One row. `digest` is the same for every spelling of an address (addresses are compared lower-cased)."""

    line: int
    mailbox: Mailbox
    values: dict[str, str]

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(str(self.mailbox).lower().encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class Faulty:
    """A row, or what should have been one, that is no recipient."""

    line: int
    fault: str


class BadList(Exception):
    """The file is no list of recipients at all; the text names file, line and fault."""


class Recipients:
    """The list in a file, opened anew for each pass. `columns` are as the header names them."""

    def __init__(self, path: Path) -> None:
        """`BadList` when there is no such file, or its first row does not name the columns."""
        self.path = path
        if path.exists() and not path.is_file():
            raise BadList(f"{path}: not a file; the list is read twice, which a pipe cannot be")
        try:
            with path.open("rb") as lines:
                first = lines.readline().removeprefix(_BYTE_ORDER_MARK)
                self._separator = ";" if first.count(b";") > first.count(b",") else ","
                lines.seek(0)
                header = next(self._table(lines), None)
        except OSError as error:
            raise BadList(f"{path}: {error.strerror}") from None
        if isinstance(header, Faulty):
            raise BadList(f"{path}:{header.line}: {header.fault}")
        self.columns = tuple(name.strip() for name in header[1]) if header else ()
        if fault := _header_fault(self.columns):
            raise BadList(f"{path}:1: {fault}")

    def __iter__(self) -> Iterator[Recipient | Faulty]:
        """Every row but the header, in order; empty lines are passed over."""
        with self.path.open("rb") as lines:
            table = self._table(lines)
            next(table)
            for row in table:
                yield row if isinstance(row, Faulty) else self._recipient(*row)

    def _table(self, lines: Iterator[bytes]) -> Iterator[tuple[int, list[str]] | Faulty]:
        """Rows with the number of their first line; a fault that leaves no way to go on is the last of them."""
        reader = csv.reader(_decoded(lines), delimiter=self._separator, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except UnicodeDecodeError as fault:
                yield Faulty(line, f"not UTF-8: octet {fault.object[fault.start]:#04x} at column {fault.start + 1}")
                return
            except csv.Error as fault:
                yield Faulty(line, f"not CSV: {fault}")
                return
            if row is None:
                return
            if row:
                yield line, row

    def _recipient(self, line: int, row: list[str]) -> Recipient | Faulty:
        if len(row) != len(self.columns):
            return Faulty(line, f"{len(row)} fields, but the header has {len(self.columns)}")
        values = dict(zip(self.columns, (value.strip() for value in row), strict=True))
        mailbox = parse_mailbox(values[EMAIL])
        if isinstance(mailbox, str):
            return Faulty(line, f"{EMAIL} {values[EMAIL]!r} {mailbox}")
        return Recipient(line, mailbox, values)


def _decoded(lines: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield (line if number else line.removeprefix(_BYTE_ORDER_MARK)).decode()


def _header_fault(columns: tuple[str, ...]) -> str | None:
    if EMAIL not in columns:
        names = ", ".join(columns) if columns else "none"
        return f"a column named {EMAIL} is needed; the columns are: {names}"
    if "" in columns:
        return f"column {columns.index('') + 1} has no name"
    twice = next((name for name in columns if columns.count(name) > 1), None)
    return f"two columns are named {twice}" if twice is not None else None


class Met:
    """Digests met so far, on disk once they are many."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(
            "", isolation_level=None
        )  # SQLite's own temporary file, gone when it is closed
        self._database.execute("CREATE TABLE met (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def first(self, digest: bytes) -> bool:
        """Whether this digest is met for the first time."""
        return self._database.execute("INSERT OR IGNORE INTO met VALUES (?)", (digest,)).rowcount == 1
