"""What the DNS answers, with every way a look-up can end as a value."""

from dataclasses import dataclass
from typing import Any, Protocol

from mta.attempt import Trouble

NEGATIVE_TTL = 300.0
"""Seconds that NXDOMAIN is believed."""
FAILURE_TTL = 30.0
"""Seconds before a question that nobody could answer is asked again."""

MAX_RECORDS = 512
"""Records of an answer that are looked at and kept; thousands fit into one over TCP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a name has of one type; `records` are dnspython's, and empty when the name exists without any.

    `ttl` in seconds. `authentic`: a validating resolver vouches for it (the AD bit; RFC 4035 section 3.2.3). `name`: the
    one that aliases led to, if there were any.
    """

    records: tuple[Any, ...]
    ttl: float
    authentic: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """No answer. `trouble`: NO_DOMAIN, NO_ADDRESS (aliases in a circle), DNS_FAILURE or DNS_TIMEOUT."""

    trouble: Trouble
    text: str
    ttl: float = FAILURE_TTL


class Dns(Protocol):
    """The seam that routing asks through."""

    async def query(self, name: str, kind: str) -> Answer | Failure:
        """The records of type `kind` ("MX", "A", ...) of an absolute name, aliases followed. Raises nothing."""
