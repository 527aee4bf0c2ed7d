"""One refresh of some lanes, between their texts as they were read and as they are to be kept. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from feedback.store.text import storable
from mta.traffic.accounts import Answers, Changed
from mta.traffic.memory import decode, encode
from mta.traffic.pace import Change
from mta.traffic.shares import Account, Ask, opened

UNKNOWN = ""
"""The text of a lane of which nothing is known."""

_LONGEST = 500
"""Characters of a reply that are kept with a change."""


class Row(NamedTuple):
    """A change as a row; in the order of `COLUMNS`."""

    at: float
    lane: str
    what: str
    was: float
    becomes: float
    why: str
    until: float | None


COLUMNS = ", ".join(Row._fields)


class Step(NamedTuple):
    """`texts`: what is to be kept, by lane; `called`: lanes in which all other workers should refresh at once."""

    answers: Answers
    texts: dict[str, str]
    changes: list[Row]
    called: list[str]


def step(asks: Sequence[Ask], texts: Mapping[str, str], now: float) -> Step:
    """Refresh the accounts whose texts were read, all of them at `now`."""
    grants, kept, changes, called = [], {}, list[Row](), []
    for ask in asks:
        account = account_of(ask, texts[ask.lane], now)
        grant = account.refresh(ask.report, ask.rule, now)
        grants.append(grant)
        kept[ask.lane] = encode(account)
        changes += [_row(ask.lane, change) for change in grant.changes]
        if grant.short or any(change.becomes < change.was for change in grant.changes):
            called.append(ask.lane)
    return Step(Answers(now, grants), kept, changes, called)


def storable_names(asks: Sequence[Ask]) -> list[Ask]:
    """The asks with their lanes as the store can name them."""
    return [ask if (name := storable(ask.lane)) == ask.lane else replace(ask, lane=name) for ask in asks]


def account_of(ask: Ask, text: str, now: float) -> Account:
    """The account that was kept; or a new one, where nothing was, or nothing that can be understood."""
    if text == UNKNOWN:
        return opened(ask.report, ask.rule, now)
    return decode(text, now) or opened(ask.report, ask.rule, now, lost=True)


def changed(row: Row) -> Changed:
    return Changed(
        row.lane, Change(what=row.what, was=row.was, becomes=row.becomes, why=row.why, at=row.at, until=row.until)
    )


def _row(lane: str, change: Change) -> Row:
    why = storable(change.why[:_LONGEST])
    return Row(change.at, lane, change.what, change.was, change.becomes, why, change.until)
