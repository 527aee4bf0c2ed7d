"""DANE for SMTP (RFC 7672): what a host promises about its certificate in signed DNS, and whether it keeps the promise."""

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mta.attempt import Trouble
from mta.routing.resolver import Answer, Dns, Failure
from mta.routing.route import Host, NoRoute

TRUST_ANCHOR, END_ENTITY = 2, 3
"""The certificate usages that mean anything in SMTP (RFC 7672 section 3.1); the PKIX ones, 0 and 1, are unusable."""

_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}
_CERTIFICATE, _PUBLIC_KEY = 0, 1


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One TLSA record (RFC 6698 section 2.1): how a certificate of the chain is known again."""

    usage: int
    selector: int
    matching: int
    octets: bytes

    @property
    def usable(self) -> bool:
        known = self.selector in (_CERTIFICATE, _PUBLIC_KEY) and (self.matching == 0 or self.matching in _DIGESTS)
        return known and self.usage in (TRUST_ANCHOR, END_ENTITY)

    def matches(self, certificate: x509.Certificate) -> bool:
        """Whether this is the certificate the record speaks of."""
        if self.selector == _CERTIFICATE:
            seen = certificate.public_bytes(Encoding.DER)
        else:
            seen = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        digest = _DIGESTS.get(self.matching)
        return self.octets == (seen if digest is None else digest(seen).digest())


@dataclass(frozen=True, slots=True)
class Unpromised:
    """The host promises nothing in signed DNS: DANE says nothing about it."""


@dataclass(frozen=True, slots=True)
class Promised:
    """TLS is mandatory. With `records`, its certificate must match one; without (all were unusable), it need not be
    authenticated (RFC 7672 section 2.2)."""

    records: tuple[Tlsa, ...]


async def promise(dns: Dns, host: Host, *, secure_mx: bool) -> Unpromised | Promised | NoRoute:
    """What a host found by DNS promises. `secure_mx`: the MX records that name it were authentic; otherwise anybody could
    have named it, and its promise is worth nothing.

    NoRoute: whether there is a promise cannot be known, so nothing may be sent to this host now (section 2.1.2).
    """
    if not secure_mx:
        return Unpromised()
    # A zone that is not signed may sit behind a nameserver that cannot even say so for TLSA: ask for the address first.
    address = await dns.query(host.name, "A")
    if isinstance(address, Answer) and not address.records:
        address = await dns.query(host.name, "AAAA")
    if isinstance(address, Answer) and not address.authentic:
        return Unpromised()
    found = await dns.query(f"_{host.port}._tcp.{host.name}", "TLSA")
    if isinstance(found, Failure):
        if found.trouble is Trouble.NO_DOMAIN:
            return Unpromised()
        return NoRoute(found.trouble, f"{found.text}; {host.name} may ask for DANE")
    if not found.records or not found.authentic:
        return Unpromised()
    records = (Tlsa(each.usage, each.selector, each.mtype, each.cert) for each in found.records)
    return Promised(tuple(record for record in records if record.usable))


def kept(promised: Promised, chain: Sequence[bytes], host: str, now: float) -> str | None:
    """None if a server's certificates (DER, its own first, as it sent them) keep the promise, else what is wrong.

    With usage 3 the key is all that counts; names and dates do not (RFC 7672 section 3.1.1). With usage 2 the chain must
    lead to the trust anchor, hold at `now` (POSIX seconds) and name the host.
    """
    if not promised.records:
        return None
    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain]
    except ValueError as error:
        return f"a certificate of {host} cannot be read: {error}"
    if not certificates:
        return f"{host} showed no certificate"
    for record in promised.records:
        if record.usage == END_ENTITY and record.matches(certificates[0]):
            return None
        if record.usage == TRUST_ANCHOR and (length := _anchored(record, certificates)):
            return _chain_fault(certificates[:length], host, now)
    return f"no certificate of {host} matches its TLSA records"


def _anchored(record: Tlsa, certificates: Sequence[x509.Certificate]) -> int:
    """How many certificates there are up to and with the trust anchor, each issued by the next; 0: it is not reached."""
    for length in range(1, len(certificates) + 1):
        if record.matches(certificates[length - 1]):
            return length
        if length < len(certificates) and not _issued(certificates[length - 1], certificates[length]):
            return 0
    return 0


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _chain_fault(certificates: Sequence[x509.Certificate], host: str, now: float) -> str | None:
    for certificate in certificates:
        if not certificate.not_valid_before_utc.timestamp() <= now <= certificate.not_valid_after_utc.timestamp():
            return f"a certificate of {host} has expired or is not valid yet"
    if not any(_names(pattern, host) for pattern in _dns_names(certificates[0])):
        return f"the certificate of {host} is for other names"
    return None


def _dns_names(certificate: x509.Certificate) -> Sequence[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound):
        return ()
    return extension.value.get_values_for_type(x509.DNSName)


def _names(pattern: str, host: str) -> bool:
    """RFC 6125 section 6.4.3: a wild card stands for one whole label, the leftmost."""
    labels, wanted = pattern.lower().split("."), host.lower().split(".")
    pairs = itertools.zip_longest(labels, wanted, fillvalue="")
    return all(label == name or (label == "*" and index == 0) for index, (label, name) in enumerate(pairs))
