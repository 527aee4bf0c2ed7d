"""Unknown replies kept in the store: what all workers have counted, and what operators have decided."""

from typing import Protocol

from feedback.qualifier.unknown import Decision, Key, Ledger


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

    async def decisions(self) -> dict[Key, Decision]:
        """The kinds that operators have decided about."""

    async def decide(self, ids: list[str], decision: Decision) -> set[str]:
        """Note what an operator says of kinds by their ids (`row.id_of`); returns those there are."""
