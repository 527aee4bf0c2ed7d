"""A kind of unknown reply as a row of the store. Pure."""

import hashlib

from feedback.qualifier.unknown import Decision, Key, Unknown
from feedback.store.text import storable

Row = tuple[str, int, str, str, int, float, float, str, str, str]


def id_of(key: Key) -> str:
    """A short name for a kind of reply, the same on every worker."""
    return hashlib.sha256(f"{key.code}\0{key.phase}\0{storable(key.canonical)}".encode()).hexdigest()[:10]


def row(key: Key, unknown: Unknown) -> Row:
    """A kind as its row in the store."""
    return (
        id_of(key),
        key.code,
        key.phase,
        storable(key.canonical),
        unknown.count,
        unknown.first_at,
        unknown.last_at,
        storable(unknown.site),
        storable(unknown.example),
        unknown.decision.value,
    )


def kind(row: Row) -> tuple[Key, Unknown]:
    """A kind from its row."""
    _, code, phase, canonical, count, first_at, last_at, site, example, decision = row
    unknown = Unknown(
        count=count, first_at=first_at, last_at=last_at, site=site, example=example, decision=Decision(decision)
    )
    return Key(code, phase, canonical), unknown
