"""Site names, address policy and configured routes: the pure side of routing."""

import pytest

from mta.routing.address import allowed
from mta.routing.route import Host
from mta.routing.routes import Entry, Routes, parse_host
from mta.routing.site import site_of


@pytest.mark.parametrize(
    ("hosts", "site"),
    [
        (["mx1.example.net", "mx2.example.net"], "example.net"),
        (["mail.example.co.uk"], "example.co.uk"),
        (["mx.example.com.br", "mx.example.com.au"], "example.com.au+example.com.br"),
        (["mx.de"], "mx.de"),
        (["co.uk"], "co.uk"),
        (["localhost"], "localhost"),
        (["gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"], "google.com"),
        (["aspmx.l.google.com", "aspmx3.googlemail.com"], "google.com"),
        (["contoso-com.mail.protection.outlook.com"], "mail.protection.outlook.com"),
        (["fabrikam.a-v1.mx.microsoft"], "mail.protection.outlook.com"),
        (["hotmail-com.olc.protection.outlook.com"], "olc.protection.outlook.com"),
        (["mta5.am0.yahoodns.net", "mta7.am0.yahoodns.net"], "yahoodns.net"),
        (["eu-smtp-inbound-1.mimecast.com"], "mimecast.com"),
        (["ec2-1-2-3-4.eu-west-1.compute.amazonaws.com"], "eu-west-1.compute.amazonaws.com"),
        (["static.1.2.3.4.clients.your-server.de"], "clients.your-server.de"),
        (["home.duckdns.org"], "home.duckdns.org"),
        (["127.0.0.1:2525"], "127.0.0.1:2525"),
        (["[::1]:2525"], "[::1]:2525"),
        (["192.0.2.7"], "192.0.2.7"),
    ],
)
def test_a_site_is_named_by_the_systems_of_its_hosts(hosts: list[str], site: str) -> None:
    assert site_of(hosts) == site


def test_the_order_of_hosts_does_not_matter() -> None:
    assert site_of(["a.one.net", "b.two.net"]) == site_of(["b.two.net", "a.one.net"])


def test_a_site_of_many_systems_has_a_bounded_name_that_tells_them_apart() -> None:
    many = [f"mx.system{n}.net" for n in range(30)]
    assert len(site_of(many)) < 60
    assert site_of(many) != site_of(many[:-1])


FORBIDDEN = """
    0.0.0.0 0.1.2.3 10.1.2.3 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.1.1 172.16.0.1 172.31.255.255
    192.0.0.8 192.0.2.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1
    255.255.255.255 :: ::1 fe80::1 febf::1 fc00::1 fdff::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1
    64:ff9b::a00:1 2002:7f00:1:: 2002:c0a8:101::1 2001:db8::1
"""
PUBLIC = """
    1.1.1.1 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 172.15.255.255 172.32.0.1
    192.0.1.1 192.167.255.255 198.17.255.255 198.20.0.1 223.255.255.255 2a00:1450::1 2606:4700::1 ::ffff:8.8.8.8
    64:ff9b::808:808 2002:808:808::1
"""


@pytest.mark.parametrize("address", FORBIDDEN.split())
def test_a_host_found_by_dns_may_not_have_this_address(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_host_found_by_dns_may_have_this_address(address: str) -> None:
    assert allowed(address)


def test_own_addresses_are_refused() -> None:
    assert not allowed("8.8.8.8", own={"8.8.8.8"})
    assert not allowed("::ffff:8.8.8.8", own={"8.8.8.8"})


@pytest.mark.parametrize("address", ["0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "ff02::1", "::ffff:0.0.0.0"])
def test_allowing_private_addresses_does_not_allow_what_no_host_has(address: str) -> None:
    assert not allowed(address, private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fe80::1", "::ffff:127.0.0.1"])
def test_private_addresses_can_be_allowed(address: str) -> None:
    assert allowed(address, private=True)


def route_to(domain: str, *patterns: str) -> str | None:
    entries = [Entry(domain=pattern, hosts=(Host("127.0.0.1", 2500 + n),)) for n, pattern in enumerate(patterns)]
    found = Routes(entries).find(domain)
    return found and patterns[found.hosts[0].port - 2500]


def test_a_wild_card_takes_subdomains_and_not_the_domain_itself() -> None:
    assert route_to("a.example.net", "*.example.net")
    assert route_to("a.b.example.net", "*.example.net")
    assert route_to("example.net", "*.example.net") is None
    assert route_to("badexample.net", "*.example.net") is None


def test_the_first_matching_route_wins() -> None:
    assert route_to("a.example.net", "b.example.net", "*.example.net", "*") == "*.example.net"
    assert route_to("x.org", "b.example.net", "*.example.net", "*") == "*"


def test_a_route_is_written_as_people_write_the_domain() -> None:
    assert route_to("xn--mller-kva.example", "Müller.Example")
    assert route_to("www.xn--mller-kva.example", "*.müller.example")


def test_routes_without_a_site_share_one_when_they_share_hosts() -> None:
    routes = Routes([Entry(domain="*", hosts=(Host("127.0.0.1", 2525),))])
    assert {route.site for name in ("a.net", "b.net") if (route := routes.find(name))} == {"127.0.0.1:2525"}


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("127.0.0.1:2525", Host("127.0.0.1", 2525, configured=True)),
        ("[::1]:2525", Host("::1", 2525, configured=True)),
        ("[2001:DB8::0:1]", Host("2001:db8::1", 25, configured=True)),
        ("Relay.Example.Net:587", Host("relay.example.net", 587, configured=True)),
        ("mail.müller.example", Host("mail.xn--mller-kva.example", 25, configured=True)),
    ],
)
def test_a_host_is_read_with_its_port(text: str, host: Host) -> None:
    assert parse_host(text) == host


@pytest.mark.parametrize(
    "text", ["", ":25", "a:b", "a:0", "a:65536", "::1", "[a.b]:25", "a b:25", "[::1", "a:25:30", "1.2.3:25"]
)
def test_what_is_no_host_is_said(text: str) -> None:
    assert repr(text.strip()) in str(parse_host(text))
    assert isinstance(parse_host(text), str)
