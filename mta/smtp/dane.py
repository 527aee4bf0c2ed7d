"""Whether a server's certificates keep what the host's TLSA records promise (RFC 6698, RFC 7672)."""

import hashlib
from collections.abc import Sequence
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

from mta.routing.tlsa import DANE_EE, DANE_TA, Tlsa

_DIGESTS = {1: hashlib.sha256, 2: hashlib.sha512}


def broken(records: Sequence[Tlsa], chain: Sequence[bytes], names: Sequence[str], now: datetime) -> str | None:
    """What is wrong with a server's `chain` (DER, its own certificate first) by usable `records` at the time `now`; None:
    it keeps the promise.

    A DANE-EE record vouches for the server's certificate whatever else is in it; under a DANE-TA record the chain must
    lead to the certificate it names, be in date, and carry one of `names` (RFC 7672 sections 3.1.1 and 3.1.2).
    """
    if not chain:
        return "the server shows no certificate"
    if any(record.usage == DANE_EE and _is_about(record, chain[0]) for record in records):
        return None
    fault = "no certificate of the server matches its TLSA records"
    for anchor in _anchors(records, chain):
        for name in names:
            astray = _astray(anchor, chain, name, now)
            if astray is None:
                return None
            fault = f"the server's certificates do not lead to the one its TLSA records name: {astray}"
    return fault


def _anchors(records: Sequence[Tlsa], chain: Sequence[bytes]) -> list[bytes]:
    """The certificates that DANE-TA records name, as far as they are to be had: sent, or whole in the record."""
    anchoring = [record for record in records if record.usage == DANE_TA]
    sent = [der for der in chain if any(_is_about(record, der) for record in anchoring)]
    return sent + [record.octets for record in anchoring if record.selector == record.matching == 0]


def _is_about(record: Tlsa, der: bytes) -> bool:
    try:
        subject = der if record.selector == 0 else _public_key(load_der_x509_certificate(der))
    except (ValueError, UnsupportedAlgorithm):
        return False
    digest = _DIGESTS.get(record.matching)
    return record.octets == (subject if digest is None else digest(subject).digest())


def _astray(anchor: bytes, chain: Sequence[bytes], name: str, now: datetime) -> str | None:
    """Why the chain does not lead to the anchor; None: it does."""
    # The web's rules for what else must be in a certificate are not DANE's.
    lenient = ExtensionPolicy.permit_all()
    authority = lenient.require_present(BasicConstraints, Criticality.AGNOSTIC, None)
    server = lenient.require_present(SubjectAlternativeName, Criticality.AGNOSTIC, None)
    try:
        leaf, *between = (load_der_x509_certificate(der) for der in chain)
        builder = PolicyBuilder().store(Store([load_der_x509_certificate(anchor)])).time(now)
        builder = builder.extension_policies(ca_policy=authority, ee_policy=server)
        builder.build_server_verifier(DNSName(name)).verify(leaf, between)
    except (ValueError, UnsupportedAlgorithm, VerificationError) as error:
        return str(error)
    return None


def _public_key(certificate: Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
