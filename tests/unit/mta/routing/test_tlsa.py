"""DANE: what signed DNS promises."""

import pytest
from msgspec.structs import replace

from mta.attempt import Trouble
from mta.routing.resolver import Resolver
from mta.routing.route import Host, NoRoute, Route
from mta.routing.tlsa import Promised, Tlsa, Unpromised, promise
from tests.nameserver import Fails, Nameserver, Script, Silent, serving

MX = Host("mx.example.net", 25)
ROUTE = Route(site="site", domain="example.net", hosts=(MX,), secure_mx=True)
NAMES = ("mx.example.net", "example.net")
TLSA = "_25._tcp.mx.example.net"
DIGEST = "ab" * 32
HERE: dict[str, Script] = {"mx.example.net A": ("8.8.8.8",)}
SIGNED = frozenset({"mx.example.net", TLSA})


@pytest.mark.parametrize(
    ("zone", "secure", "expected"),
    [
        (
            HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)},
            SIGNED,
            Promised((Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),), NAMES),
        ),
        (HERE | {f"{TLSA} TLSA": (f"1 1 1 {DIGEST}",)}, SIGNED, Promised((), NAMES)),
        (HERE | {f"{TLSA} TLSA": (f"3 1 9 {DIGEST}", f"3 7 1 {DIGEST}")}, SIGNED, Promised((), NAMES)),
        (
            HERE | {f"{TLSA} TLSA": (f"0 0 1 {DIGEST}", f"2 0 1 {DIGEST}")},
            SIGNED,
            Promised((Tlsa(2, 0, 1, bytes.fromhex(DIGEST)),), NAMES),
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
        found = await promise(Resolver([nameserver.address], 0.5), ROUTE, MX)
    assert (found.trouble if isinstance(found, NoRoute) else found) == expected


async def test_hosts_that_anybody_could_have_named_promise_nothing() -> None:
    zone = HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)}
    async with serving(Nameserver(zone, secure=SIGNED)) as nameserver:
        assert await promise(Resolver([nameserver.address]), replace(ROUTE, secure_mx=False), MX) == Unpromised()
        assert not nameserver.asked


async def test_a_host_that_the_operator_names_keeps_its_own_promise() -> None:
    host = replace(MX, configured=True)
    zone = HERE | {f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",)}
    async with serving(Nameserver(zone, secure=SIGNED)) as nameserver:
        found = await promise(Resolver([nameserver.address]), replace(ROUTE, secure_mx=False), host)
    assert found == Promised((Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),), ("mx.example.net",))


ALIAS: dict[str, Script] = {"mx.example.net CNAME": ("mx.example.org.",), "mx.example.org A": ("8.8.8.8",)}
ENDS = SIGNED | {"mx.example.org", "_25._tcp.mx.example.org"}


@pytest.mark.parametrize(
    ("owners", "base"),
    [
        (("mx.example.org",), "mx.example.org"),
        (("mx.example.net",), "mx.example.net"),
        (("mx.example.net", "mx.example.org"), "mx.example.org"),
    ],
)
async def test_an_alias_is_followed_to_the_promise(owners: tuple[str, ...], base: str) -> None:
    zone = ALIAS | {f"_25._tcp.{owner} TLSA": (f"3 1 1 {DIGEST}",) for owner in owners}
    async with serving(Nameserver(zone, secure=ENDS)) as nameserver:
        found = await promise(Resolver([nameserver.address]), ROUTE, MX)
    assert found == Promised((Tlsa(3, 1, 1, bytes.fromhex(DIGEST)),), (base, "example.net"))


async def test_an_alias_whose_end_cannot_be_asked_is_not_passed_by() -> None:
    zone = ALIAS | {
        f"{TLSA} TLSA": (f"3 1 1 {DIGEST}",),
        "_25._tcp.mx.example.org TLSA": Fails("SERVFAIL"),
    }
    async with serving(Nameserver(zone, secure=ENDS)) as nameserver:
        found = await promise(Resolver([nameserver.address], 0.5), ROUTE, MX)
    assert isinstance(found, NoRoute)


async def test_an_address_promises_nothing() -> None:
    async with serving(Nameserver({})) as nameserver:
        resolver = Resolver([nameserver.address])
        assert await promise(resolver, ROUTE, Host("127.0.0.1", configured=True)) == Unpromised()
        assert not nameserver.asked


@pytest.mark.parametrize(
    ("usage", "selector", "matching", "usable"),
    [(3, 1, 1, True), (2, 0, 2, True), (0, 1, 1, False), (1, 1, 1, False), (3, 2, 1, False), (3, 1, 3, False)],
)
def test_only_some_records_mean_anything_in_smtp(usage: int, selector: int, matching: int, usable: bool) -> None:
    assert Tlsa(usage, selector, matching, b"").usable is usable
