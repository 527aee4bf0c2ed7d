"""Whether a certificate chain is the one that a host's TLSA records name (RFC 6698, RFC 7672)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    DNSName,
    SubjectAlternativeName,
    load_der_x509_certificate,
)
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

DANE_TA, DANE_EE = 2, 3
"""The only usages that mean anything in SMTP (RFC 7672 section 3.1)."""

_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Tlsa:
    """One record: `selector` 0 is the certificate, 1 its public key; `matching` 0 is itself, 1 SHA-256, 2 SHA-512."""

    usage: int
    selector: int
    matching: int
    octets: bytes

    @property
    def usable(self) -> bool:
        return self.usage in (DANE_TA, DANE_EE) and self.selector in (0, 1) and self.matching in (0, 1, 2)

    def names(self, der: bytes) -> bool:
        """Whether this record is about that certificate."""
        try:
            subject = der if self.selector == 0 else _public_key(load_der_x509_certificate(der))
        except (ValueError, UnsupportedAlgorithm):
            return False
        digest = _DIGESTS.get(self.matching)
        return self.octets == (subject if digest is None else digest(subject).digest())


def authenticated(records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], now: datetime) -> bool:
    """Whether the server's `chain` (DER, its own certificate first) is good by `records` at the time `now`.

    A DANE-EE record vouches for the server's certificate whatever else is in it; under a DANE-TA record the chain must
    lead to the certificate it names, be in date, and carry one of `names` (RFC 7672 sections 3.1.1 and 3.1.2).
    """
    if not chain:
        return False
    if any(record.usage == DANE_EE and record.names(chain[0]) for record in records):
        return True
    anchors = [der for der in chain if any(record.usage == DANE_TA and record.names(der) for record in records)] + [
        record.octets for record in records if record.usage == DANE_TA and record.selector == record.matching == 0
    ]
    return any(_leads_to(anchor, chain, name, now) for anchor in anchors for name in names)


def _leads_to(anchor: bytes, chain: Sequence[bytes], name: str, now: datetime) -> bool:
    # The web's rules for what else must be in a certificate are not DANE's.
    lenient = ExtensionPolicy.permit_all()
    authority = lenient.require_present(BasicConstraints, Criticality.AGNOSTIC, None)
    server = lenient.require_present(SubjectAlternativeName, Criticality.AGNOSTIC, None)
    try:
        leaf, *between = (load_der_x509_certificate(der) for der in chain)
        builder = PolicyBuilder().store(Store([load_der_x509_certificate(anchor)])).time(now)
        builder = builder.extension_policies(ca_policy=authority, ee_policy=server)
        builder.build_server_verifier(DNSName(name)).verify(leaf, between)
    except (ValueError, UnsupportedAlgorithm, VerificationError):
        return False
    return True


def _public_key(certificate: Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
