"""Certificate chains against TLSA records."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from mta.routing.tlsa import DANE_EE, DANE_TA, Tlsa
from mta.smtp.dane import broken

NOW = datetime(2026, 5, 1, tzinfo=UTC)
HOST = "mx1.example"


@dataclass(frozen=True)
class Issued:
    """A certificate and its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def issue(name: str, by: "Issued | None" = None, *, authority: bool = False, age_days: int = 1) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=age_days))
        .not_valid_after(NOW - timedelta(days=age_days) + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return Issued(key, builder.sign(by.key if by else key, hashes.SHA256()))


AUTHORITY = issue("authority", authority=True)
BETWEEN = issue("between", AUTHORITY, authority=True)
LEAF = issue(HOST, BETWEEN)
CHAIN = [LEAF.der, BETWEEN.der, AUTHORITY.der]
EXPIRED = issue(HOST, BETWEEN, age_days=60)
STRANGER = issue(HOST)
STRANGE_AUTHORITY = issue("stranger", authority=True)
OTHER = issue("another.example", AUTHORITY)
WILD = issue("*.example", AUTHORITY)


def authenticated(records: list[Tlsa], chain: list[bytes], names: list[str]) -> bool:
    return broken(records, chain, names, NOW) is None


def record(usage: int, issued: Issued, selector: int, matching: int) -> Tlsa:
    subject = issued.public_key if selector else issued.der
    octets = {0: subject, 1: hashlib.sha256(subject).digest(), 2: hashlib.sha512(subject).digest()}[matching]
    return Tlsa(usage, selector, matching, octets)


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
def test_an_end_entity_record_names_the_servers_own_certificate(selector: int, matching: int) -> None:
    assert authenticated([record(DANE_EE, LEAF, selector, matching)], CHAIN, [HOST])
    assert not authenticated([record(DANE_EE, STRANGER, selector, matching)], CHAIN, [HOST])
    assert not authenticated([record(DANE_EE, BETWEEN, selector, matching)], CHAIN, [HOST])


def test_an_end_entity_record_asks_for_no_name_and_no_date() -> None:
    assert authenticated([record(DANE_EE, EXPIRED, 1, 1)], [EXPIRED.der], ["another.example"])


@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("anchor", [AUTHORITY, BETWEEN], ids=["root", "between"])
def test_an_anchor_record_names_a_certificate_the_chain_leads_to(anchor: Issued, selector: int, matching: int) -> None:
    assert authenticated([record(DANE_TA, anchor, selector, matching)], CHAIN, [HOST])


def test_an_anchor_that_the_server_does_not_send_counts_when_the_record_has_it_whole() -> None:
    assert authenticated([record(DANE_TA, AUTHORITY, 0, 0)], CHAIN[:2], [HOST])
    assert not authenticated([record(DANE_TA, AUTHORITY, 0, 1)], CHAIN[:2], [HOST])


def test_under_an_anchor_the_name_must_be_right() -> None:
    records = [record(DANE_TA, AUTHORITY, 1, 1)]
    assert not authenticated(records, CHAIN, ["another.example"])
    assert authenticated(records, CHAIN, ["another.example", HOST])


def test_under_an_anchor_the_chain_must_be_in_date() -> None:
    assert not authenticated([record(DANE_TA, AUTHORITY, 1, 1)], [EXPIRED.der, *CHAIN[1:]], [HOST])


def test_an_anchor_must_have_signed_the_chain() -> None:
    assert not authenticated([record(DANE_TA, AUTHORITY, 1, 1)], [STRANGER.der, AUTHORITY.der], [HOST])


def test_one_good_record_among_bad_ones_is_enough() -> None:
    assert authenticated([Tlsa(3, 1, 1, b"x"), record(DANE_EE, LEAF, 1, 1)], CHAIN, [HOST])


def test_nothing_is_authenticated_by_nothing() -> None:
    assert not authenticated([], CHAIN, [HOST])
    assert not authenticated([record(DANE_EE, LEAF, 1, 1)], [], [HOST])


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"no certificate"])
def test_a_chain_that_is_none_is_not_authenticated(octets: bytes) -> None:
    assert not authenticated([Tlsa(3, 1, 1, b"x"), Tlsa(2, 0, 0, octets)], [octets], [HOST])


@pytest.mark.parametrize(
    ("usage", "named", "chain", "fault"),
    [
        (DANE_EE, OTHER, [LEAF, BETWEEN], "matches its TLSA records"),
        (DANE_EE, AUTHORITY, [LEAF, BETWEEN, AUTHORITY], "matches its TLSA records"),
        (DANE_TA, STRANGE_AUTHORITY, [LEAF, BETWEEN, AUTHORITY], "matches its TLSA records"),
        (DANE_TA, STRANGE_AUTHORITY, [LEAF, BETWEEN, AUTHORITY, STRANGE_AUTHORITY], "do not lead"),
        (DANE_TA, AUTHORITY, [LEAF, AUTHORITY], "do not lead"),
        (DANE_TA, AUTHORITY, [OTHER, AUTHORITY], "do not lead"),
        (DANE_TA, AUTHORITY, [EXPIRED, BETWEEN, AUTHORITY], "do not lead"),
        (DANE_TA, LEAF, [OTHER, LEAF], "do not lead"),
        (DANE_EE, LEAF, [], "shows no certificate"),
    ],
    ids=[
        "another leaf",
        "an end entity is the server's own",
        "another authority",
        "an authority that did not sign",
        "a link of the chain is missing",
        "another name",
        "expired",
        "a certificate that is no authority",
        "no certificate",
    ],
)
def test_a_broken_promise_is_told(usage: int, named: Issued, chain: list[Issued], fault: str) -> None:
    told = broken([record(usage, named, 1, 1)], [each.der for each in chain], [HOST], NOW)
    assert fault in (told or "")


def test_a_wild_card_names_one_label() -> None:
    records, chain = [record(DANE_TA, AUTHORITY, 0, 1)], [WILD.der, AUTHORITY.der]
    assert authenticated(records, chain, [HOST])
    assert not authenticated(records, chain, ["a.mx1.example"])
    assert not authenticated(records, chain, ["example"])
