"""From a domain to hosts and addresses, against a nameserver that answers by script."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from mta.attempt import Trouble
from mta.routing import Policy, Routing
from mta.routing.answer import MAX_RECORDS, Answer
from mta.routing.resolver import Resolver
from mta.routing.route import Host, NoRoute, Route
from mta.routing.routes import Entry, Routes
from tests.nameserver import Fails, Nameserver, Script, Silent, Truncated, serving

Zone = Mapping[str, Script | list[Script]]


@asynccontextmanager
async def routing(zone: Zone, *entries: Entry, lifetime: float = 5.0, **policy: Any) -> AsyncIterator[Routing]:
    async with serving(Nameserver(zone)) as nameserver:
        resolver = Resolver([nameserver.address], lifetime)
        yield Routing(Routes(entries), resolver, Policy(**policy), Random(1))


async def hosts(zone: Zone, domain: str = "example.net", **policy: Any) -> list[str]:
    async with routing(zone, **policy) as way:
        found = await way.route(domain)
    assert isinstance(found, Route), found
    return [host.name for host in found.hosts]


async def trouble(zone: Zone, domain: str = "example.net", **policy: Any) -> Trouble:
    async with routing(zone, **policy) as way:
        found = await way.route(domain)
    assert isinstance(found, NoRoute), found
    return found.trouble


async def test_hosts_come_in_order_of_preference() -> None:
    zone: Zone = {"example.net MX": ("20 b.example.net.", "10 a.example.net.", "30 c.example.net.")}
    assert await hosts(zone) == ["a.example.net", "b.example.net", "c.example.net"]


async def test_equal_preferences_come_in_every_order() -> None:
    async with routing({"example.net MX": ("10 a.example.net.", "10 b.example.net.")}) as way:
        seen = set()
        for _ in range(40):
            found = await way.route("example.net")
            assert isinstance(found, Route)
            seen.add(tuple(host.name for host in found.hosts))
    assert len(seen) == 2


async def test_a_domain_without_mx_is_its_own_host() -> None:
    assert await hosts({"example.net A": ("198.18.0.1",)}) == ["example.net"]


async def test_an_alias_is_followed_to_its_mx() -> None:
    zone: Zone = {"example.net CNAME": ("real.example.org.",), "real.example.org MX": ("10 mx.example.org.",)}
    assert await hosts(zone) == ["mx.example.org"]


async def test_a_null_mx_beside_others_says_nothing() -> None:
    assert await hosts({"example.net MX": ("0 .", "10 mx.example.net.")}) == ["mx.example.net"]


async def test_an_mx_that_is_no_host_name_is_passed_over() -> None:
    zone: Zone = {"example.net MX": ("5 192.0.2.1.", "6 bad\\032name.example.net.", "10 mx.example.net.")}
    assert await hosts(zone) == ["mx.example.net"]


async def test_a_host_named_twice_is_tried_once() -> None:
    zone: Zone = {"example.net MX": ("30 mx.example.net.", "10 mx.example.net.", "20 b.example.net.")}
    assert await hosts(zone) == ["mx.example.net", "b.example.net"]


async def test_of_five_hundred_hosts_the_first_thirty_two_are_used() -> None:
    zone: Zone = {"example.net MX": tuple(f"{n} mx{n}.example.net." for n in range(500))}
    assert await hosts(zone) == [f"mx{n}.example.net" for n in range(32)]


async def test_of_an_answer_with_thousands_of_records_some_hundreds_are_kept() -> None:
    many = tuple(f"198.18.{n // 250}.{n % 250}" for n in range(3000))
    async with serving(Nameserver({"example.net A": many})) as nameserver:
        answer = await Resolver([nameserver.address]).query("example.net", "A")
    assert isinstance(answer, Answer)
    assert len(answer.records) == MAX_RECORDS


async def test_what_answers_mean_is_kept_for_a_bounded_number_of_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mta.routing.routing.MAX_READINGS", 2)
    zone: Zone = {f"d{n}.example MX": ("10 mx.example.",) for n in range(5)}
    async with routing(zone) as way:
        for n in range(5):
            assert isinstance(await way.route(f"d{n}.example"), Route)
        assert len(way._readings) <= 2


async def test_hosts_no_nearer_than_this_sender_are_dropped() -> None:
    zone: Zone = {
        "example.net MX": ("10 a.example.net.", "20 us.example.net.", "20 c.example.net.", "30 d.example.net.")
    }
    assert await hosts(zone, own_names={"us.example.net"}) == ["a.example.net"]


async def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    assert await hosts({"example.net MX": Truncated(("10 mx.example.net.",))}) == ["mx.example.net"]


async def test_one_nxdomain_is_not_believed() -> None:
    assert await hosts({"example.net MX": [Fails("NXDOMAIN"), ("10 mx.example.net.",)]}) == ["mx.example.net"]


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ({}, Trouble.NO_DOMAIN),
        ({"example.net CNAME": ("gone.example.org.",)}, Trouble.NO_DOMAIN),
        ({"example.net MX": ("0 .",)}, Trouble.NULL_MX),
        ({"example.net MX": ("10 192.0.2.1.",)}, Trouble.NO_ADDRESS),
        ({"example.net CNAME": ("b.net.",), "b.net CNAME": ("example.net.",)}, Trouble.NO_ADDRESS),
        ({"example.net MX": Fails("SERVFAIL")}, Trouble.DNS_FAILURE),
        ({"example.net MX": Fails("REFUSED")}, Trouble.DNS_FAILURE),
    ],
    ids=["nxdomain", "dangling alias", "null mx", "mx is an address", "alias loop", "servfail", "refused"],
)
async def test_each_failure_has_its_own_trouble(zone: Zone, expected: Trouble) -> None:
    assert await trouble(zone) is expected


async def test_silence_is_a_timeout() -> None:
    assert await trouble({"example.net MX": Silent()}, lifetime=0.3) is Trouble.DNS_TIMEOUT


async def test_a_truncated_answer_without_tcp_is_temporary() -> None:
    found = await trouble({"example.net MX": Truncated(None)}, lifetime=0.5)
    assert found in (Trouble.DNS_FAILURE, Trouble.DNS_TIMEOUT)


async def test_mail_that_would_come_back_to_this_sender_is_refused() -> None:
    zone: Zone = {"example.net MX": ("10 us.example.net.", "20 b.example.net.")}
    assert await trouble(zone, own_names={"us.example.net"}) is Trouble.FORBIDDEN_ADDRESS


@pytest.mark.parametrize("domain", ["[192.0.2.1]", "192.0.2.1", "example.net:25", "", "a..b"])
async def test_what_is_no_domain_has_no_route(domain: str) -> None:
    assert await trouble({}, domain) is Trouble.NO_DOMAIN


async def addresses(zone: Zone, host: Host, *, lifetime: float = 5.0, **policy: Any) -> tuple[str, ...] | Trouble:
    async with routing(zone, lifetime=lifetime, **policy) as way:
        found = await way.addresses(host)
    return found.trouble if isinstance(found, NoRoute) else found


MX = Host("mx.example.net")


async def test_addresses_come_from_both_families_in_turn_and_not_too_many() -> None:
    zone: Zone = {
        "mx.example.net A": tuple(f"8.8.4.{n}" for n in range(1, 9)),
        "mx.example.net AAAA": ("2a00::1", "2a00::2"),
    }
    found = await addresses(zone, MX)
    assert isinstance(found, tuple)
    assert [":" in address for address in found] == [False, True, False, True, False, False]


async def test_one_family_is_enough_when_the_other_fails() -> None:
    assert await addresses({"mx.example.net A": Fails("SERVFAIL"), "mx.example.net AAAA": ("2a00::1",)}, MX) == (
        "2a00::1",
    )


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ({}, Trouble.NO_ADDRESS),
        ({"mx.example.net TXT": ('"x"',)}, Trouble.NO_ADDRESS),
        ({"mx.example.net A": Fails("SERVFAIL")}, Trouble.DNS_FAILURE),
        ({"mx.example.net A": ("127.0.0.1", "10.0.0.1"), "mx.example.net AAAA": ("::1",)}, Trouble.FORBIDDEN_ADDRESS),
    ],
    ids=["no name", "no address", "servfail", "private"],
)
async def test_a_host_without_a_usable_address_has_its_trouble(zone: Zone, expected: Trouble) -> None:
    assert await addresses(zone, MX) is expected


async def test_forbidden_addresses_are_left_out_beside_good_ones() -> None:
    assert await addresses({"mx.example.net A": ("10.0.0.1", "8.8.8.8")}, MX) == ("8.8.8.8",)


async def test_a_host_that_has_this_senders_own_address_is_refused() -> None:
    zone: Zone = {"mx.example.net A": ("8.8.8.8",)}
    assert await addresses(zone, MX, own_addresses={"8.8.8.8"}) is Trouble.FORBIDDEN_ADDRESS
    assert await addresses(zone, MX, own_addresses={"8.8.4.4"}) == ("8.8.8.8",)


async def test_private_addresses_are_used_where_that_is_allowed() -> None:
    assert await addresses({"mx.example.net A": ("127.0.0.1",)}, MX, allow_private_mx=True) == ("127.0.0.1",)


async def test_configured_hosts_are_exempt_from_the_address_policy() -> None:
    assert await addresses({"mx.example.net A": ("127.0.0.1",)}, Host("mx.example.net", 2525, configured=True)) == (
        "127.0.0.1",
    )
    assert await addresses({}, Host("::1", 2525, configured=True)) == ("::1",)


async def test_a_configured_name_that_dns_does_not_know_is_asked_of_the_system() -> None:
    found = await addresses({}, Host("localhost", 2525, configured=True))
    assert isinstance(found, tuple)
    assert set(found) & {"127.0.0.1", "::1"}


async def test_a_configured_route_needs_no_dns() -> None:
    entry = Entry(
        domain="*.example.net", hosts=(Host("127.0.0.1", 2525, configured=True),), site="example", tls="required"
    )
    async with routing({}, entry) as way:
        found = await way.route("news.example.net")
    assert found == Route(
        site="example", domain="news.example.net", hosts=entry.hosts, static=True, tls="required", login=None
    )


async def test_domains_on_the_same_hosts_are_one_site_whatever_one_of_them_suffers() -> None:
    zone: Zone = {
        "a.net MX": ("1 aspmx.l.google.com.", "5 alt1.aspmx.l.google.com.", "10 aspmx2.googlemail.com."),
        "b.net MX": ("1 smtp.google.com.",),
        "c.net MX": ("1 smtp.google.com.", "2 backup.c.net."),
        "d.net MX": Fails("SERVFAIL"),
    }
    async with routing(zone) as way:
        found = {domain: await way.route(domain) for domain in ("a.net", "b.net", "c.net", "d.net")}
    sites = {domain: route.site for domain, route in found.items() if isinstance(route, Route)}
    assert sites == {"a.net": "google.com", "b.net": "google.com", "c.net": "c.net+google.com"}
