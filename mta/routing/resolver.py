"""DNS look-ups by dnspython, with every way they can end as a value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.nameserver
import dns.resolver

from mta.attempt import Trouble

LIFETIME = 10.0
"""Seconds for one question, over all nameservers and repetitions."""
NEGATIVE_TTL = 300.0
"""Seconds that NXDOMAIN is believed."""
FAILURE_TTL = 30.0
"""Seconds before a question that nobody could answer is asked again."""

MAX_RECORDS = 512
"""Records of an answer that are looked at and kept; thousands fit into one over TCP."""

_PAYLOAD = 1232  # octets that pass everywhere unfragmented
_NAMESERVER = re.compile(r"\[(?P<six>[0-9a-fA-F:.]+)\](?::(?P<six_port>\d+))?|(?P<four>[0-9.]+)(?::(?P<port>\d+))?")


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


class Resolver:
    """Asks the system's nameservers, or those given as `ip` or `ip:port` (`[ip]:port` for IPv6)."""

    def __init__(self, nameservers: Sequence[str] = (), lifetime: float = LIFETIME) -> None:
        self._stub = dns.asyncresolver.Resolver(configure=not nameservers)
        if nameservers:
            self._stub.nameservers = [_nameserver(text) for text in nameservers]
        self._stub.rotate = True
        self._stub.lifetime = lifetime
        self._stub.timeout = min(lifetime / 2, 3.0)
        self._stub.use_edns(0, 0, _PAYLOAD)
        self._stub.flags = dns.flags.RD | dns.flags.AD  # AD in a query: the answer may carry it (RFC 6840 section 5.7)

    async def query(self, name: str, kind: str) -> Answer | Failure:
        """See `Dns.query`. NXDOMAIN ends a mail for good, so it is believed only when said twice."""
        first = await self._ask(name, kind)
        if isinstance(first, Failure) and first.trouble is Trouble.NO_DOMAIN:
            return await self._ask(name, kind)
        return first

    async def _ask(self, name: str, kind: str) -> Answer | Failure:
        try:
            answer = await self._stub.resolve(name + ".", kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN:
            return Failure(Trouble.NO_DOMAIN, f"{name} does not exist", NEGATIVE_TTL)
        except dns.resolver.LifetimeTimeout:
            return Failure(Trouble.DNS_TIMEOUT, f"no nameserver answered for {name} {kind} in time")
        except dns.resolver.NoNameservers as error:
            return _failure(name, kind, error)
        except dns.exception.DNSException as error:
            return Failure(Trouble.DNS_FAILURE, f"the look-up of {name} {kind} failed: {error}")
        authentic = bool(answer.response.flags & dns.flags.AD)
        alias = str(answer.canonical_name).rstrip(".").lower() if answer.chaining_result.cnames else None
        return Answer(
            tuple(islice(answer.rrset or (), MAX_RECORDS)), answer.chaining_result.minimum_ttl, authentic, alias
        )


def _failure(name: str, kind: str, error: dns.resolver.NoNameservers) -> Failure:
    reasons = [each[3] for each in error.kwargs["errors"]]
    if any(isinstance(reason, dns.message.ChainTooLong) for reason in reasons):
        return Failure(Trouble.NO_ADDRESS, f"the aliases of {name} lead in a circle or too far", NEGATIVE_TTL)
    said = ", ".join(dict.fromkeys(str(reason) or type(reason).__name__ for reason in reasons))
    return Failure(Trouble.DNS_FAILURE, f"no nameserver could answer for {name} {kind}: {said}")


def _nameserver(text: str) -> dns.nameserver.Nameserver:
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    found = _NAMESERVER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no nameserver: write an address, or address:port")
    return dns.nameserver.Do53Nameserver(found["six"] or found["four"], int(found["six_port"] or found["port"] or 53))
