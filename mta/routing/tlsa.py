"""DANE for SMTP (RFC 7672): what a host promises about its certificate in signed DNS. `mta.smtp.dane` holds it to it."""

from dataclasses import dataclass

from mta.attempt import Trouble
from mta.routing.address import is_address
from mta.routing.answer import Answer, Dns
from mta.routing.route import Host, NoRoute, Route

DANE_TA, DANE_EE = 2, 3
"""The only usages that mean anything in SMTP: trust anchor and end entity (RFC 7672 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record (RFC 6698 section 2.1): how a certificate of the chain is known again.

    `selector` 0 is the certificate, 1 its public key; `matching` 0 is itself, 1 SHA-256, 2 SHA-512.
    """

    usage: int
    selector: int
    matching: int
    octets: bytes

    @property
    def usable(self) -> bool:
        return self.usage in (DANE_TA, DANE_EE) and self.selector in (0, 1) and self.matching in (0, 1, 2)


@dataclass(frozen=True, slots=True)
class Unpromised:
    """The host promises nothing in signed DNS: DANE says nothing about it."""


@dataclass(frozen=True, slots=True)
class Promised:
    """TLS is mandatory. With `records`, its certificate must match one; without (all were unusable), it need not be
    authenticated (RFC 7672 section 2.2). `names`: those that a certificate under a trust anchor may carry, first that of the
    records."""

    records: tuple[Tlsa, ...]
    names: tuple[str, ...] = ()


async def promise(dns: Dns, route: Route, host: Host) -> Unpromised | Promised | NoRoute:
    """What a host of a route promises. One that MX records name which are not authentic could have been named by anybody:
    its promise is worth nothing.

    NoRoute: whether there is a promise cannot be known, so nothing may be sent to this host now (section 2.1.2).
    """
    if not (host.configured or route.secure_mx) or is_address(host.name):
        return Unpromised()
    # A zone that is not signed may sit behind a nameserver that cannot even say so for TLSA: ask for the address first.
    address = await dns.query(host.name, "A")
    if isinstance(address, Answer) and not address.records:
        address = await dns.query(host.name, "AAAA")
    if isinstance(address, Answer) and not address.authentic:
        return Unpromised()
    # Where the host's name is an alias, the promise may be at its end, and is looked for there first (section 2.2).
    end = address.name if isinstance(address, Answer) else None
    for name in dict.fromkeys((end or host.name, host.name)):
        found = await _records(dns, name, host.port)
        if isinstance(found, NoRoute):
            return found
        if found:
            names = (name,) if host.configured else (name, route.domain)  # section 3.2.2
            return Promised(tuple(record for record in found if record.usable), names)
    return Unpromised()


async def _records(dns: Dns, name: str, port: int) -> tuple[Tlsa, ...] | NoRoute:
    """The authentic records, usable or not."""
    found = await dns.query(f"_{port}._tcp.{name}", "TLSA")
    if isinstance(found, Answer):
        records = found.records if found.authentic else ()
        return tuple(Tlsa(each.usage, each.selector, each.mtype, each.cert) for each in records)
    if found.trouble is Trouble.NO_DOMAIN:
        return ()
    return NoRoute(found.trouble, f"{found.text}; {name} may ask for DANE")
