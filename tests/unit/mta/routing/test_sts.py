"""MTA-STS: records, policies, their fetching and holding, and what is demanded of a host in the end."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import pytest
import trustme

from mta.attempt import Trouble
from mta.routing import Policy, Routing
from mta.routing.book import RENEWAL, RETRY, Kept, PolicyBook, PolicyStore
from mta.routing.https import MAX_SIZE, PolicyFetch
from mta.routing.resolver import Resolver
from mta.routing.route import Host, NoRoute, Route
from mta.routing.routes import Routes
from mta.routing.securities import AsPublished
from mta.routing.security import Security, security
from mta.routing.sts import Mode, StsPolicy, Unfetched, parse_policy, parse_record
from mta.routing.tlsa import Promised, Tlsa, Unpromised
from mta.traffic.rule import TlsPolicy
from tests.nameserver import Fails, Nameserver, Script, serving

ENFORCED = "version: STSv1\r\nmode: enforce\r\nmx: mx.example.net\r\nmx: *.example.org\r\nmax_age: 86400\r\n"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=a"], "a"),
        (["v=STSv1 ; id = a ; x=y"], "a"),
        (["v=spf1 -all", "v=STSv1; id=a;"], "a"),
        ([], None),
        (["v=spf1 -all"], None),
        (["v=STSv1; id=a;", "v=STSv1; id=b;"], None),
        (["v=STSv2; id=a;"], None),
        (["v=STSv1;"], None),
        (["v=STSv1; id=;"], None),
        (["v=STSv1; id=a-b;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
    ],
)
def test_a_policy_is_announced_by_exactly_one_record(texts: list[str], expected: str | None) -> None:
    assert parse_record(texts) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ENFORCED, StsPolicy(Mode.ENFORCE, 86400.0, ("mx.example.net", "*.example.org"))),
        (ENFORCED.replace("\r\n", "\n"), StsPolicy(Mode.ENFORCE, 86400.0, ("mx.example.net", "*.example.org"))),
        ("version: STSv1\nmode: none\nmax_age: 1\n", StsPolicy(Mode.NONE, 1.0)),
        (
            "version:STSv1\nmode:testing\nmx:Müller.example\nmax_age:5\nx: y",
            StsPolicy(Mode.TESTING, 5.0, ("xn--mller-kva.example",)),
        ),
        (
            ENFORCED.replace("86400", "9999999999"),
            StsPolicy(Mode.ENFORCE, 31_557_600.0, ("mx.example.net", "*.example.org")),
        ),
        (ENFORCED.replace("STSv1", "STSv2"), "the policy is not of version STSv1"),
        (ENFORCED.replace("enforce", "strict"), "the policy has no mode that is known"),
        (ENFORCED.replace("86400", "-1"), "the policy has no max_age"),
        (ENFORCED.replace("86400", "²"), "the policy has no max_age"),
        ("version: STSv1\nmode: enforce\nmax_age: 1\n", "the policy names no mx"),
        ("version: STSv1\nmode: enforce\nmx: *\nmx: a..b\nmax_age: 1\n", "the policy names no mx"),
        ("", "the policy is not of version STSv1"),
        ("<html>", "the policy is not of version STSv1"),
    ],
)
def test_a_policy_is_read_or_the_fault_said(text: str, expected: StsPolicy | str) -> None:
    assert parse_policy(text) == expected


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("mx.example.net", True),
        ("mx2.example.net", False),
        ("a.example.org", True),
        ("example.org", False),
        ("a.b.example.org", False),
        ("org", False),
    ],
)
def test_a_wild_card_covers_one_label(host: str, covered: bool) -> None:
    policy = parse_policy(ENFORCED)
    assert isinstance(policy, StsPolicy)
    assert policy.covers(host) is covered


@dataclass
class World:
    """What a domain publishes, with a clock to move."""

    id: str | None = "1"
    file: str | Unfetched = ENFORCED
    now: float = 1000.0
    fetched: int = 0
    zone: dict[str, Script | list[Script]] = field(default_factory=dict)

    async def fetch(self, domain: str) -> str | Unfetched:
        self.fetched += 1
        return self.file

    async def query(self, name: str, kind: str) -> object:
        from mta.routing.answer import Answer, Failure

        assert name.startswith("_mta-sts.")
        assert kind == "TXT"
        if self.id is None:
            return Failure(Trouble.DNS_FAILURE, "down")

        class Text:
            strings = (f"v=STSv1; id={self.id};".encode(),)

        return Answer((Text(),), 60.0)

    def book(self, store: PolicyStore | None = None) -> PolicyBook:
        return PolicyBook(self, self.fetch, lambda: self.now, store)  # type: ignore[arg-type]


@dataclass
class Drawer:
    """A `PolicyStore` as good as a real one, and what has become of it."""

    policies: dict[str, Kept] = field(default_factory=dict)
    state: list[str] = field(default_factory=list)

    async def open(self) -> None:
        self.state.append("opened")

    async def close(self) -> None:
        self.state.append("closed")

    async def kept(self, now: float, most: int) -> list[Kept]:
        return [kept for kept in self.policies.values() if kept.until > now][:most]

    async def keep(self, kept: Kept) -> None:
        self.policies[kept.domain] = kept


async def mode(book: PolicyBook) -> Mode | None:
    policy = await book.policy("example.net")
    return policy.mode if policy else None


async def test_a_policy_is_fetched_once_while_its_id_stays() -> None:
    world = World()
    book = world.book()
    assert [await mode(book) for _ in range(3)] == [Mode.ENFORCE] * 3
    assert world.fetched == 1


async def test_a_new_id_brings_a_new_policy() -> None:
    world = World()
    book = world.book()
    await mode(book)
    world.id, world.file = "2", ENFORCED.replace("enforce", "testing")
    assert await mode(book) is Mode.TESTING


async def test_a_policy_outlives_the_record_that_announced_it() -> None:
    world = World()
    book = world.book()
    await mode(book)
    world.id = None
    world.now += 86399
    assert await mode(book) is Mode.ENFORCE
    world.now += 2
    assert await mode(book) is None


async def test_a_policy_is_kept_when_the_next_cannot_be_had_and_asking_waits() -> None:
    world = World()
    book = world.book()
    await mode(book)
    world.id, world.file = "2", Unfetched("down")
    assert [await mode(book) for _ in range(3)] == [Mode.ENFORCE] * 3
    assert world.fetched == 2
    world.now, world.file = world.now + RETRY, ENFORCED.replace("enforce", "none")
    assert await mode(book) is Mode.NONE


async def test_without_a_policy_that_can_be_read_there_is_none() -> None:
    world = World(file="<html>")
    book = world.book()
    assert [await mode(book) for _ in range(3)] == [None] * 3
    assert world.fetched == 1


async def test_an_ended_policy_is_fetched_again() -> None:
    world = World()
    book = world.book()
    await mode(book)
    world.now += 86401
    assert await mode(book) is Mode.ENFORCE
    assert world.fetched == 2


async def test_a_policy_is_renewed_before_it_ends_while_mail_goes_by_the_old_one() -> None:
    world = World(file=ENFORCED.replace("86400", "604800"))
    book = world.book()
    await mode(book)
    world.now, world.file = world.now + RENEWAL, ENFORCED.replace("enforce", "testing")
    assert await mode(book) is Mode.ENFORCE
    await asyncio.sleep(0)
    assert [await mode(book), world.fetched] == [Mode.TESTING, 2]


async def test_no_more_policies_are_held_than_there_is_room_for_and_the_oldest_go_first() -> None:
    world = World()
    book = PolicyBook(world, world.fetch, lambda: world.now, entries=2)  # type: ignore[arg-type]
    for name in ("a.example", "b.example", "c.example"):
        await book.policy(name)
    assert list(book._held) == ["b.example", "c.example"]


async def test_a_policy_that_many_want_is_fetched_once() -> None:
    world = World()
    book = world.book()
    assert await asyncio.gather(*(mode(book) for _ in range(20))) == [Mode.ENFORCE] * 20
    assert world.fetched == 1


@pytest.mark.parametrize("id", [None, "1", "2"])
async def test_a_policy_holds_over_a_restart_whoever_keeps_its_file_or_its_record_from_us(id: str | None) -> None:
    world, store = World(), Drawer()
    await mode(world.book(store))
    world.id, world.file, world.now = id, Unfetched("blocked"), world.now + 86_000.0
    book = world.book(store)
    await book.open()
    assert await mode(book) is Mode.ENFORCE
    world.now += 401.0
    assert await mode(book) is None
    await book.close()
    assert store.state == ["opened", "closed"]


async def test_after_a_restart_a_policy_is_renewed_when_it_would_have_been() -> None:
    world, store = World(file=ENFORCED.replace("86400", "604800")), Drawer()
    await mode(world.book(store))
    world.now += RENEWAL - 1
    book = world.book(store)
    await book.open()
    await mode(book)
    assert world.fetched == 1
    world.now += 1
    await mode(book)
    await asyncio.sleep(0)
    assert world.fetched == 2
    assert store.policies["example.net"].until == world.now + 604_800


async def test_the_policy_that_is_kept_is_the_last_one_fetched() -> None:
    world, store = World(), Drawer()
    book = world.book(store)
    await mode(book)
    world.id, world.file = "2", ENFORCED.replace("enforce", "none")
    await mode(book)
    none = StsPolicy(Mode.NONE, 86_400.0, ("mx.example.net", "*.example.org"))
    assert store.policies == {"example.net": Kept("example.net", "2", none, world.now + 86_400.0)}
    world.id, world.file = "3", Unfetched("down")
    await mode(book)
    assert store.policies["example.net"].id == "2"


AUTHORITY, STRANGER = trustme.CA(), trustme.CA()
GOOD = AUTHORITY.issue_cert("mta-sts.example.net")
OTHER_NAME = AUTHORITY.issue_cert("example.net")
EXPIRED = AUTHORITY.issue_cert("mta-sts.example.net", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
FOREIGN = STRANGER.issue_cert("mta-sts.example.net")


@asynccontextmanager
async def https(certificate: trustme.LeafCert, response: bytes) -> AsyncIterator[int]:
    """A web server that says `response` to everybody; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        found = request.startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.net")
        writer.write(response if found else b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def ok(body: str, kind: str = "text/plain") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def fetch(
    certificate: trustme.LeafCert, response: bytes, zone: dict[str, Script | list[Script]], *, private: bool = True
) -> str | Unfetched:
    trusting = ssl.create_default_context()
    AUTHORITY.configure_trust(trusting)
    async with https(certificate, response) as port, serving(Nameserver(zone)) as nameserver:
        routing = Routing(Routes(()), Resolver([nameserver.address]), Policy(allow_private_mx=private), Random(1))
        return await PolicyFetch(routing.addresses, trusting, port)("example.net")


WEB: dict[str, Script | list[Script]] = {"mta-sts.example.net A": ("127.0.0.1",)}


async def test_a_policy_is_fetched_from_its_own_host() -> None:
    assert await fetch(GOOD, ok(ENFORCED, "text/plain; charset=utf-8"), WEB) == ENFORCED


@pytest.mark.parametrize(
    ("certificate", "response", "zone", "fault"),
    [
        (FOREIGN, ok(ENFORCED), WEB, "is not authentic"),
        (OTHER_NAME, ok(ENFORCED), WEB, "is not authentic"),
        (EXPIRED, ok(ENFORCED), WEB, "is not authentic"),
        (GOOD, b"HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\n", WEB, "answered 302"),
        (GOOD, b"HTTP/1.1 404 Not Found\r\n\r\n", WEB, "answered 404"),
        (GOOD, b"HTTP/1.1 500 Oops\r\n\r\n", WEB, "answered 500"),
        (GOOD, ok(ENFORCED, "text/html"), WEB, "sent text/html"),
        (GOOD, ok("x" * (MAX_SIZE + 1)), WEB, "over 64 KiB"),
        (GOOD, b"rubbish\r\n\r\n", WEB, "gave no policy"),
        (GOOD, b"", WEB, "gave no policy"),
        (GOOD, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nx", WEB, "gave no policy"),
        (GOOD, ok(ENFORCED), {}, "has no address"),
        (GOOD, ok(ENFORCED), {"mta-sts.example.net A": Fails("SERVFAIL")}, "SERVFAIL"),
    ],
    ids=[
        "certificate of a stranger",
        "certificate for another name",
        "expired certificate",
        "redirect",
        "not found",
        "server error",
        "html",
        "too large",
        "no http",
        "closed",
        "cut short",
        "no address",
        "servfail",
    ],
)
async def test_a_policy_that_is_not_authentic_small_and_direct_is_none(
    certificate: trustme.LeafCert, response: bytes, zone: dict[str, Script | list[Script]], fault: str
) -> None:
    found = await fetch(certificate, response, zone)
    assert isinstance(found, Unfetched)
    assert fault in found.text


async def test_a_policy_host_in_a_private_network_is_not_asked() -> None:
    found = await fetch(GOOD, ok(ENFORCED), WEB, private=False)
    assert isinstance(found, Unfetched)
    assert "no address that mail may be sent to" in found.text


MX = Host("mx.example.net")
ENFORCE = StsPolicy(Mode.ENFORCE, 1.0, ("mx.example.net",))
ELSEWHERE = StsPolicy(Mode.ENFORCE, 1.0, ("other.example.net",))
TESTING = StsPolicy(Mode.TESTING, 1.0, ("mx.example.net",))
NONE = StsPolicy(Mode.NONE, 1.0)
PROMISED = Promised((Tlsa(3, 1, 1, bytes(32)),), ("mx.example.net", "example.net"))
UNUSABLE = Promised(())
UNKNOWN = NoRoute(Trouble.DNS_FAILURE, "servfail")
NOTHING = Unpromised()
OPPORTUNISTIC, REQUIRED = Security(), Security(required=True, auth="pkix")
ENCRYPTED = Security(required=True)
BY_STS = Security(required=True, auth="mta-sts")
BY_DANE = Security(required=True, auth="dane", tlsa=PROMISED.records, names=PROMISED.names)


@pytest.mark.parametrize(
    ("tls", "policy", "promise", "expected"),
    [
        (TlsPolicy.NONE, ENFORCE, PROMISED, Security(wanted=False)),
        (TlsPolicy.OPPORTUNISTIC, ENFORCE, PROMISED, OPPORTUNISTIC),
        (TlsPolicy.REQUIRED, None, NOTHING, REQUIRED),
        (TlsPolicy.REQUIRED, ELSEWHERE, UNKNOWN, REQUIRED),
        (TlsPolicy.MTA_STS, None, NOTHING, OPPORTUNISTIC),
        (TlsPolicy.MTA_STS, NONE, NOTHING, OPPORTUNISTIC),
        (TlsPolicy.MTA_STS, ENFORCE, NOTHING, BY_STS),
        (TlsPolicy.MTA_STS, ELSEWHERE, NOTHING, Trouble.TLS_FAILED),
        (TlsPolicy.MTA_STS, TESTING, NOTHING, Security(testing=BY_STS)),
        (TlsPolicy.MTA_STS, ENFORCE, PROMISED, BY_STS),
        (TlsPolicy.MTA_STS, ENFORCE, UNKNOWN, BY_STS),
        (TlsPolicy.DANE, None, NOTHING, OPPORTUNISTIC),
        (TlsPolicy.DANE, None, PROMISED, BY_DANE),
        (TlsPolicy.DANE, ELSEWHERE, PROMISED, BY_DANE),
        (TlsPolicy.DANE, None, UNUSABLE, ENCRYPTED),
        (TlsPolicy.DANE, ENFORCE, UNUSABLE, ENCRYPTED),
        (TlsPolicy.DANE, None, UNKNOWN, Trouble.DNS_FAILURE),
        (TlsPolicy.DANE, ENFORCE, UNKNOWN, Trouble.DNS_FAILURE),
        (TlsPolicy.DANE, ENFORCE, NOTHING, BY_STS),
        (TlsPolicy.DANE, ELSEWHERE, NOTHING, Trouble.TLS_FAILED),
    ],
)
def test_what_is_demanded_of_a_host(
    tls: TlsPolicy,
    policy: StsPolicy | None,
    promise: Unpromised | Promised | NoRoute,
    expected: Security | Trouble,
) -> None:
    found = security(tls, MX, policy, promise)
    assert (found.trouble if isinstance(found, NoRoute) else found) == expected


@pytest.mark.parametrize("tls", [TlsPolicy.MTA_STS, TlsPolicy.DANE])
def test_a_configured_host_is_not_the_domains_business(tls: TlsPolicy) -> None:
    assert security(tls, Host("mx.example.net", 25, configured=True), ELSEWHERE, NOTHING) == OPPORTUNISTIC


def test_a_host_that_a_policy_in_testing_does_not_cover_is_told_and_used() -> None:
    found = security(TlsPolicy.MTA_STS, Host("mx.example.com"), TESTING, NOTHING)
    assert isinstance(found, Security)
    assert not found.required
    assert isinstance(found.testing, NoRoute)


async def test_what_is_published_is_asked_of_dns_and_the_policy_host() -> None:
    zone: dict[str, Script | list[Script]] = {
        "example.net MX": ("10 mx.example.net.",),
        "mx.example.net A": ("8.8.8.8",),
        "_25._tcp.mx.example.net TLSA": ("3 1 1 " + "00" * 32,),
        "_mta-sts.example.net TXT": ('"v=STSv1; id=1;"',),
    }

    async def get(domain: str) -> str | Unfetched:
        return ENFORCED

    secure = frozenset({"example.net", "mx.example.net", "_25._tcp.mx.example.net"})
    async with serving(Nameserver(zone, secure=secure)) as nameserver:
        resolver = Resolver([nameserver.address])
        route = await Routing(Routes(()), resolver, Policy(), Random(1)).route("example.net")
        assert isinstance(route, Route)
        assert route.secure_mx
        securities = AsPublished(resolver, PolicyBook(resolver, get, lambda: 0.0))
        assert await securities(route, route.hosts[0], TlsPolicy.DANE) == BY_DANE
        assert await securities(route, route.hosts[0], TlsPolicy.MTA_STS) == BY_STS
        nameserver.asked.clear()
        assert await securities(route, route.hosts[0], TlsPolicy.REQUIRED) == REQUIRED
        assert not nameserver.asked
