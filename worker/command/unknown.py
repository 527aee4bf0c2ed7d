"""`campaign-mta rules unknown`: what no rule knows, and what operators say of it."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from rich.table import Table
from rich.text import Text

from feedback.qualification import Qualification
from feedback.qualifier import Qualifier
from feedback.qualifier.unknown import Decision, Key, Ledger, Unknown, listed
from feedback.store import StoreAway
from feedback.unknown.row import id_of
from mta.attempt import Phase, Refused
from mta.reply import Reply
from worker import adapters, outside
from worker.command.away import say_away
from worker.command.show import show
from worker.settings import Settings


def run(settings: Settings, decisions: Sequence[tuple[str, Decision]], json: bool) -> int:
    """List what waits for a decision, after noting `decisions` on kinds given by id or canonical text."""
    qualifier = outside.qualifier(settings)
    try:
        missing, ledger = asyncio.run(_decide(settings, decisions))
    except StoreAway as fault:
        return say_away(fault)
    waiting = [(key, kind) for key, kind in listed(ledger) if meaning(qualifier, key, kind).to_qualify]
    if json:
        print(msgspec.json.encode([_kind(key, kind) for key, kind in waiting]).decode())
    elif waiting:
        show(_kinds(waiting))
    else:
        print("No reply waits for a decision.")
    for name in missing:
        print(f"{name}: no such kind of reply; campaign-mta rules unknown lists them", file=sys.stderr)
    return 1 if missing else 0


async def _decide(settings: Settings, decisions: Sequence[tuple[str, Decision]]) -> tuple[list[str], Ledger]:
    """The names that no kind has, and the ledger afterwards."""
    missing = []
    async with adapters.opened(adapters.unknown_replies(settings)) as replies:
        ledger = await replies.kept()
        for name, decision in decisions:
            ids = [id_of(key) for key in ledger if name.lower() in (id_of(key), key.canonical)]
            if not await replies.decide(ids, decision):
                missing.append(name)
        return missing, await replies.kept() if decisions else ledger


def meaning(qualifier: Qualifier, key: Key, kind: Unknown) -> Qualification:
    """What a kind is taken for now; a rule made since may know it. Of its receiver the site is all that was kept."""
    code, _, text = kind.example.partition(" ")
    ending = Refused(Reply(int(code), text))
    return qualifier.qualify(Phase(key.phase), ending, f"mx.{kind.site}", kind.site).qualification


def _kind(key: Key, kind: Unknown) -> dict[str, object]:
    return {
        "id": id_of(key),
        "count": kind.count,
        "code": key.code,
        "phase": key.phase,
        "canonical": key.canonical,
        "site": kind.site,
        "first_at": _time(kind.first_at),
        "last_at": _time(kind.last_at),
        "example": kind.example,
    }


def _kinds(waiting: Sequence[tuple[Key, Unknown]]) -> Table:
    table = Table(title="Replies that no rule knows", title_justify="left")
    for column in ("Id", "Count", "Last", "Site", "Phase", "Code", "Kind"):
        table.add_column(column, overflow="fold")
    for key, kind in waiting:
        row = (id_of(key), str(kind.count), _time(kind.last_at), kind.site, key.phase, str(key.code), key.canonical)
        table.add_row(*map(Text, row))
    return table


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
