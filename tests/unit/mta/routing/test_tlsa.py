"""DANE: what signed DNS promises, and which certificates keep the promise."""

import datetime
import hashlib
import ssl
from collections.abc import Sequence

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mta.attempt import Trouble
from mta.routing.resolver import Resolver
from mta.routing.route import Host, NoRoute
from mta.routing.tlsa import Promised, Tlsa, Unpromised, kept, promise
from tests.nameserver import Fails, Nameserver, Script, Silent, serving

MX = Host("mx.example.net", 25)
TLSA = "_25._tcp.mx.example.net"
DIGEST = "ab" * 32
HERE: dict[str, Script] = {"mx.example.net A": ("8.8.8.8",)}
SIGNED = frozenset({"mx.example.net", TLSA})


@pytest.mark.parametrize(
    ("zone", "secure", "expected"),
    [
        (HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)}, SIGNED, Promised((Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),))),
        (HERE | {f"{TLSA} TLSA": (f"1 1 1 {DIGEST}",)}, SIGNED, Promised(())),
        (HERE | {f"{TLSA} TLSA": (f"3 1 9 {DIGEST}", f"3 7 1 {DIGEST}")}, SIGNED, Promised(())),
        (
            HERE | {f"{TLSA} TLSA": (f"0 0 1 {DIGEST}", f"2 0 1 {DIGEST}")},
            SIGNED,
            Promised((Tlsa(2, 0, 1, bytes.fromhex(DIGEST)),)),
        ),
        (HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)}, frozenset({TLSA}), Unpromised()),
        (HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)}, frozenset({"mx.example.net"}), Unpromised()),
        (HERE, SIGNED, Unpromised()),
        (HERE | {f"{TLSA} TLSA": ()}, SIGNED, Unpromised()),
        (HERE | {f"{TLSA} TLSA": Fails("SERVFAIL")}, SIGNED, Trouble.DNS_FAILURE),
        (HERE | {f"{TLSA} TLSA": Silent()}, SIGNED, Trouble.DNS_TIMEOUT),
        (HERE | {f"{TLSA} TLSA": Fails("SERVFAIL")}, frozenset[str](), Unpromised()),
        ({"mx.example.net AAAA": ("2a00::1",), f"{TLSA} TLSA": Fails("SERVFAIL")}, SIGNED, Trouble.DNS_FAILURE),
    ],
    ids=[
        "signed",
        "only PKIX usages",
        "unknown matching and selector",
        "the usable one of two",
        "address not signed",
        "TLSA not signed",
        "none exists",
        "none of the type",
        "servfail",
        "silence",
        "servfail in an unsigned zone",
        "servfail, IPv6 only",
    ],
)
async def test_what_is_promised(
    zone: dict[str, Script], secure: frozenset[str], expected: Unpromised | Promised | Trouble
) -> None:
    async with serving(Nameserver(zone, secure=secure)) as nameserver:
        found = await promise(Resolver([nameserver.address], 0.5), MX, secure_mx=True)
    assert (found.trouble if isinstance(found, NoRoute) else found) == expected


async def test_hosts_that_anybody_could_have_named_promise_nothing() -> None:
    zone = HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)}
    async with serving(Nameserver(zone, secure=SIGNED)) as nameserver:
        assert await promise(Resolver([nameserver.address]), MX, secure_mx=False) == Unpromised()
        assert not nameserver.asked


AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
INTERMEDIATE = AUTHORITY.create_child_ca()
LEAF = INTERMEDIATE.issue_cert("mx.example.net")
WILD = AUTHORITY.issue_cert("*.example.net")
OTHER = AUTHORITY.issue_cert("mx.example.org")
PAST = AUTHORITY.issue_cert("mx.example.net", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
NOW = datetime.datetime.now(datetime.UTC).timestamp()


def ders(*sources: trustme.LeafCert | trustme.CA) -> list[bytes]:
    found = []
    for source in sources:
        pems = [source.cert_pem] if isinstance(source, trustme.CA) else source.cert_chain_pems
        found += [ssl.PEM_cert_to_DER_cert(pem.bytes().decode()) for pem in pems]
    return found


CHAIN = [*ders(LEAF), *ders(AUTHORITY)]


def tlsa(usage: int, selector: int, matching: int, der: bytes) -> Tlsa:
    octets = der
    if selector == 1:
        key = x509.load_der_x509_certificate(der).public_key()
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if matching:
        octets = hashlib.new("sha256" if matching == 1 else "sha512", octets).digest()
    return Tlsa(usage, selector, matching, octets)


LEAF_DER, ROOT_DER, MIDDLE_DER = CHAIN[0], ders(AUTHORITY)[0], ders(INTERMEDIATE)[0]


@pytest.mark.parametrize("matching", [0, 1, 2])
@pytest.mark.parametrize("selector", [0, 1])
@pytest.mark.parametrize(("usage", "der"), [(3, LEAF_DER), (2, ROOT_DER), (2, MIDDLE_DER)])
def test_a_matching_certificate_keeps_the_promise(usage: int, selector: int, matching: int, der: bytes) -> None:
    promised = Promised((tlsa(3, 0, 1, b"something else"), tlsa(usage, selector, matching, der)))
    assert kept(promised, CHAIN, "mx.example.net", NOW) is None


@pytest.mark.parametrize(
    ("record", "chain", "fault"),
    [
        (tlsa(3, 1, 1, ders(OTHER)[0]), CHAIN, "matches its TLSA records"),
        (tlsa(3, 1, 1, ROOT_DER), CHAIN, "matches its TLSA records"),
        (tlsa(2, 1, 1, ders(STRANGER)[0]), CHAIN, "matches its TLSA records"),
        (tlsa(2, 1, 1, ders(STRANGER)[0]), [*CHAIN, *ders(STRANGER)], "matches its TLSA records"),
        (tlsa(2, 1, 1, ROOT_DER), [CHAIN[0], ROOT_DER], "matches its TLSA records"),
        (tlsa(2, 0, 1, ROOT_DER), [*ders(OTHER), ROOT_DER], "is for other names"),
        (tlsa(2, 0, 1, ROOT_DER), [*ders(PAST), ROOT_DER], "has expired"),
        (tlsa(2, 0, 1, LEAF_DER), [ders(OTHER)[0], LEAF_DER], "matches its TLSA records"),
        (tlsa(3, 1, 1, LEAF_DER), [], "showed no certificate"),
        (tlsa(3, 1, 1, LEAF_DER), [b"rubbish"], "cannot be read"),
    ],
    ids=[
        "another leaf",
        "usage 3 speaks of the server's own",
        "another authority",
        "an authority that did not sign",
        "a link of the chain is missing",
        "another name",
        "expired",
        "a certificate that is no authority",
        "no certificate",
        "rubbish",
    ],
)
def test_any_other_certificate_breaks_it(record: Tlsa, chain: Sequence[bytes], fault: str) -> None:
    assert fault in str(kept(Promised((record,)), chain, "mx.example.net", NOW))


def test_with_usage_3_names_and_dates_do_not_count() -> None:
    for leaf in (OTHER, PAST):
        der = ders(leaf)[0]
        assert kept(Promised((tlsa(3, 1, 1, der),)), [der], "mx.example.net", NOW) is None


def test_a_wild_card_names_one_label() -> None:
    promised = Promised((tlsa(2, 0, 1, ROOT_DER),))
    chain = [*ders(WILD), ROOT_DER]
    assert kept(promised, chain, "mx.example.net", NOW) is None
    assert kept(promised, chain, "a.mx.example.net", NOW) is not None
    assert kept(promised, chain, "example.net", NOW) is not None


def test_a_promise_without_usable_records_asks_for_no_certificate() -> None:
    assert kept(Promised(()), [], "mx.example.net", NOW) is None
