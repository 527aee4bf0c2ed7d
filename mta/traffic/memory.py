"""What a lane has learnt, as text for a store, and what is left of it when it comes back. Pure.

A limit that was found yesterday is probably still there, one of a month ago may not be: with age, the remembered rate and
window go back (in proportion, not by difference) to where a lane starts that knows nothing, by half in a fortnight, and the
wall is trusted the less. A closure that has not run out still holds.
"""

import json
from dataclasses import asdict, replace
from math import inf
from typing import Any

from mta.traffic.dial import DOUBT, Dial
from mta.traffic.pace import FIRST_RATE, FIRST_WINDOW, Pace, Standing
from mta.traffic.shares import Account, Lease
from mta.traffic.tally import Tally

HALF_LIFE = 14 * 86400.0
"""Seconds in which what was learnt loses half of its weight."""

RESUMED = 0.9
"""The share of the wall at which a wave begins that remembers one."""

STALE = 600.0
"""Seconds without a refresh after which a pace is a memory."""


def encode(account: Account) -> str:
    """An account as JSON; infinite numbers are null."""
    return json.dumps(_finite(asdict(account)), separators=(",", ":"))


def decode(text: str, now: float) -> Account:
    """The account that `encode` wrote, with its age at `now` taken off where nobody has used it for a while."""
    tree = json.loads(text)
    account = Account(
        pace=_pace(tree["pace"]),
        tally=Tally(**_infinite(tree["tally"])),
        leases={worker: Lease(**lease) for worker, lease in tree["leases"].items()},
        learning_until=-inf if tree["learning_until"] is None else tree["learning_until"],
    )
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


def _pace(tree: dict[str, Any]) -> Pace:
    parts = {"rate": Dial(**_infinite(tree["rate"])), "window": Dial(**_infinite(tree["window"]))}
    return Pace(**{**_infinite(tree), **parts, "standing": Standing(**tree["standing"])})


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(part) for key, part in value.items()}
        case float() if value in (inf, -inf):
            return None
        case _:
            return value


def _infinite(tree: dict[str, Any]) -> dict[str, Any]:
    """Only numbers without an upper bound are ever null here."""
    return {key: inf if value is None else value for key, value in tree.items()}
