"""A kept policy as a row of the store. Pure."""

from typing import NamedTuple

from mta.routing.book import Kept
from mta.routing.sts import Mode, StsPolicy

COLUMNS = "domain, id, mode, mx, max_age, until"


class Row(NamedTuple):
    domain: str
    id: str
    mode: str
    mx: str
    max_age: float
    until: float


def row(kept: Kept) -> Row:
    """A policy as its row; patterns are names, so that blanks can part them."""
    policy = kept.policy
    return Row(kept.domain, kept.id, policy.mode.value, " ".join(policy.mx), policy.max_age, kept.until)


def kept(row: Row) -> Kept:
    """A policy from its row."""
    return Kept(row.domain, row.id, StsPolicy(Mode(row.mode), row.max_age, tuple(row.mx.split())), row.until)
