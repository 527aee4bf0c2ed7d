"""Replies that no rule knows, counted by their canonical text, so that an operator can settle each kind once.

Pure: the ledger is a value. What must survive a restart is each `Unknown` with its key; `merged` adds the counts of several
workers, or of a stored ledger and what has come since.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from feedback.qualification import Verdict
from feedback.wording import canonical
from mta.attempt import Phase
from mta.reply import Reply


class Decision(StrEnum):
    """What an operator has said of a kind of reply. `keep`: what it was taken for is right; it is counted on. `ignore`: it is
    not worth counting. Neither is listed any more, nor marked as to be qualified; type, reason and retry stay as they are."""

    TO_QUALIFY = "to_qualify"
    KEEP = "keep"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One kind of reply: the class of its code, its phase and its canonical text in lower case."""

    code: int
    phase: str
    canonical: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """How often a kind of reply came, the first and last time (POSIX seconds), where from, and one as it was."""

    count: int
    first_at: float
    last_at: float
    site: str
    example: str
    decision: Decision = Decision.TO_QUALIFY


Ledger = Mapping[Key, Unknown]

MAX_KINDS = 2000
"""Kinds kept: a server that writes something new each time must not fill the memory. The rarest and oldest go first."""


def key_of(reply: Reply, phase: Phase) -> Key:
    return Key(reply.code, phase.value, canonical(reply.text).lower())


def counted(ledger: Ledger, reply: Reply, phase: Phase, verdict: Verdict, site: str, now: float) -> Ledger:
    """The ledger after one more reply; the same ledger where the reply is known."""
    if not verdict.qualification.to_qualify:
        return ledger
    key = key_of(reply, phase)
    seen = ledger.get(key)
    if seen is None:
        new = Unknown(count=1, first_at=now, last_at=now, site=site, example=reply.line)
    else:
        new = replace(seen, count=seen.count + 1, last_at=max(now, seen.last_at))
    return _bounded({**ledger, key: new})


def merged(ledgers: Iterable[Ledger]) -> Ledger:
    """One ledger of several; a decision holds over none, and counts add up."""
    whole: dict[Key, Unknown] = {}
    for ledger in ledgers:
        for key, unknown in ledger.items():
            whole[key] = _joined(whole[key], unknown) if key in whole else unknown
    return _bounded(whole)


def decided(ledger: Ledger, key: Key, decision: Decision) -> Ledger:
    """The ledger with an operator's decision.

    Raises:
        KeyError: there is no such kind.
    """
    return {**ledger, key: replace(ledger[key], decision=decision)}


def listed(ledger: Ledger) -> list[tuple[Key, Unknown]]:
    """What waits for a decision, most frequent first."""
    waiting = [(key, unknown) for key, unknown in ledger.items() if unknown.decision is Decision.TO_QUALIFY]
    return sorted(waiting, key=lambda item: (-item[1].count, item[0]))


def _joined(one: Unknown, other: Unknown) -> Unknown:
    first = min(one, other, key=lambda unknown: unknown.first_at)
    later = max(one, other, key=lambda unknown: unknown.last_at)
    undecided = later.decision is Decision.TO_QUALIFY
    return replace(
        first,
        count=one.count + other.count,
        last_at=later.last_at,
        decision=first.decision if undecided else later.decision,
    )


def _bounded(ledger: dict[Key, Unknown]) -> Ledger:
    if len(ledger) <= MAX_KINDS:
        return ledger
    undecided = [key for key in ledger if ledger[key].decision is Decision.TO_QUALIFY]
    if not undecided:
        return ledger
    rarest = min(undecided, key=lambda key: (ledger[key].count, ledger[key].last_at))
    del ledger[rarest]
    return ledger
