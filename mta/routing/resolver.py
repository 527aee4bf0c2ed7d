"""DNS look-ups by dnspython, with every way they can end as a value."""

import re
from collections.abc import Sequence
from itertools import cycle, islice

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.nameserver
import dns.resolver

from mta.attempt import Trouble
from mta.routing import datagram
from mta.routing.answer import MAX_RECORDS, NEGATIVE_TTL, Answer, Failure

LIFETIME = 10.0
"""Seconds for one question, over all nameservers and repetitions."""

_PORT = 53
_NAMESERVER = re.compile(r"\[(?P<six>[0-9a-fA-F:.]+)\](?::(?P<six_port>\d+))?|(?P<four>[0-9.]+)(?::(?P<port>\d+))?")


class Resolver:
    """Asks the system's nameservers, or those given as `ip` or `ip:port` (`[ip]:port` for IPv6)."""

    def __init__(self, nameservers: Sequence[str] = (), lifetime: float = LIFETIME) -> None:
        self._stub = dns.asyncresolver.Resolver(configure=not nameservers)
        if nameservers:
            self._stub.nameservers = [_nameserver(text) for text in nameservers]
        self._stub.rotate = True
        self._stub.timeout = min(lifetime / 2, 3.0)
        self._stub.lifetime = lifetime - self._stub.timeout  # what a datagram in vain leaves
        self._stub.use_edns(0, 0, datagram.PAYLOAD)
        self._stub.flags = datagram.FLAGS
        self._turns = cycle(_server(each) for each in self._stub.nameservers)

    async def query(self, name: str, kind: str) -> Answer | Failure:
        """See `Dns.query`. NXDOMAIN ends a mail for good, so it is believed only when said twice."""
        plain = await datagram.ask(next(self._turns), name + ".", kind, self._stub.timeout)
        if plain is not None:
            return plain
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
    return dns.nameserver.Do53Nameserver(
        found["six"] or found["four"], int(found["six_port"] or found["port"] or _PORT)
    )


def _server(nameserver: str | dns.nameserver.Nameserver) -> datagram.Server:
    """The system's are told by their addresses only."""
    if isinstance(nameserver, dns.nameserver.Do53Nameserver):
        return nameserver.address, nameserver.port
    return str(nameserver), _PORT
