"""What a lane has learnt, as text for a store, and what is left of it when it comes back. Pure.

A limit that was found yesterday is probably still there, one of a month ago may not be: with age, the remembered rate and
window go back (in proportion, not by difference) to where a lane starts that knows nothing, by half in a fortnight, and the
wall is trusted the less. A closure that has not run out still holds.
"""

from dataclasses import replace
from math import inf
from typing import Any

import msgspec

from mta.traffic.dial import DOUBT, Dial
from mta.traffic.pace import FIRST_RATE, FIRST_WINDOW, Pace, Standing
from mta.traffic.shares import Account, Lease
from mta.traffic.tally import Tally

HALF_LIFE = 14 * 86400.0
"""Seconds in which what was learnt loses half of its weight."""

RESUMED = 0.9
"""The share of the wall at which a wave begins that remembers one."""

VERSION = 1
"""Of the text. What another version has written is not understood, and not a fault."""

STALE = 600.0
"""Seconds without a refresh after which a pace is a memory."""


def encode(account: Account) -> str:
    """An account as JSON; infinite numbers are null."""
    return msgspec.json.encode({"version": VERSION, "account": account}).decode()


def decode(text: str, now: float) -> Account | None:
    """The account that `encode` wrote, with its age at `now` taken off where nobody has used it for a while; None: it is
    of another version, or no account at all."""
    try:
        written = msgspec.json.decode(text)
        account = _account(written["account"]) if written["version"] == VERSION else None
    except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
        return None
    if account is None:
        return None
    last = max([account.pace.since, *(lease.until for lease in account.leases.values())])
    if now - last <= STALE:
        return account
    return Account(pace=aged(account.pace, now - last, now))


def aged(pace: Pace, age: float, now: float) -> Pace:
    """The pace with which the next wave begins, `age` seconds after the last: a little under the wall, a new round, nothing
    on trial but what was."""
    weight = 0.5 ** (max(0.0, age) / HALF_LIFE)
    return replace(
        pace,
        revision=pace.revision + 1,
        since=now,
        heed_from=now,
        rate=_aged(pace.rate, FIRST_RATE, weight, now),
        window=_aged(pace.window, FIRST_WINDOW, weight, now),
        standing=Standing(),
    )


def _aged(dial: Dial, first: float, weight: float, now: float) -> Dial:
    known = dial.value if dial.searching else RESUMED * dial.wall
    value = first * (known / first) ** weight
    if dial.searching:
        return replace(dial, value=value, calm=0.0, calm_since=now, tries=0, cuts=0)
    trust = round((dial.trust - DOUBT) * weight) + DOUBT
    return replace(
        dial,
        value=value,
        calm=0.0,
        calm_since=now,
        tries=0,
        cuts=0,
        trust=trust,
        sure=dial.sure if weight > 0.5 else 0.0,
    )


def _account(tree: dict[str, Any]) -> Account:
    return Account(
        pace=_pace(tree["pace"]),
        tally=Tally(**_infinite(tree["tally"])),
        told=set(tree.get("told", ())),
        leases={worker: Lease(**_infinite(lease)) for worker, lease in tree["leases"].items()},
        learning_until=-inf if tree["learning_until"] is None else tree["learning_until"],
    )


def _pace(tree: dict[str, Any]) -> Pace:
    parts = {"rate": Dial(**_infinite(tree["rate"])), "window": Dial(**_infinite(tree["window"]))}
    return Pace(**{**_infinite(tree), **parts, "standing": Standing(**tree["standing"])})


def _infinite(tree: dict[str, Any]) -> dict[str, Any]:
    """Only numbers without an upper bound are ever null here."""
    return {key: inf if value is None else value for key, value in tree.items()}
