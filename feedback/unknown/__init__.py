"""Unknown replies kept in the store: what all workers have counted, and what operators have decided."""

import hashlib
from typing import Protocol

from feedback.qualifier.unknown import Decision, Key, Ledger, Unknown
from feedback.store.text import storable

Row = tuple[str, int, str, str, int, float, float, str, str, str]


class UnknownReplies(Protocol):
    """The ledger of unknown replies. Every method may raise `StoreAway`."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def add(self, ledger: Ledger) -> None:
        """Add counts to what is kept; decisions already taken stand. When the store breaks off in the middle, a repeat
        may count twice: these are counts to rank by, not to account by.

        No more than `MAX_KINDS` undecided kinds are kept; the rarest and oldest go first.
        """

    async def kept(self) -> Ledger:
        """All kinds."""

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        """Note what an operator says of kinds by their `id_of`; returns those there are."""


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
