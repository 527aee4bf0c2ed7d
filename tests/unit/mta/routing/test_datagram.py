"""One question in one datagram: what is plain is read as dnspython's own reader reads it, all else is left to that."""

from collections.abc import Callable
from contextlib import suppress

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as some

from mta.routing.answer import Answer, Failure
from mta.routing.datagram import ask, read, write
from mta.routing.resolver import Resolver
from tests.nameserver import Fails, Nameserver, Silent, serving

NAME = "example.net."
QUERY = write(4711, NAME, "MX")
SOA = "ns.example.net. hostmaster.example.net. 1 3600 600 86400 300"

RECORDS = {
    "MX": ("10 mx.example.net.", "20 b.example.org."),
    "A": ("198.18.0.1", "198.18.0.2"),
    "AAAA": ("2001:db8::1",),
    "TLSA": ("3 1 1 " + "ab" * 32,),
    "TXT": ('"v=STSv1; id=1"', '"a" "b"'),
}


def response(*sections: dns.rrset.RRset, query: bytes = QUERY) -> dns.message.Message:
    """To a query, with these records in its answer."""
    made = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
    made.answer += sections
    return made


def rrset(*records: str, kind: str = "MX", name: str = NAME, ttl: int = 300) -> dns.rrset.RRset:
    return dns.rrset.from_text(name, ttl, "IN", kind, *records)


def test_a_query_is_what_dnspython_would_write() -> None:
    asked = dns.message.from_wire(QUERY)
    assert (asked.id, asked.question) == (4711, [dns.rrset.from_text(NAME, 0, "IN", "MX")])
    assert (asked.flags, asked.edns, asked.payload) == (dns.flags.RD | dns.flags.AD, 0, 1232)


@pytest.mark.parametrize(("kind", "records"), RECORDS.items())
def test_a_plain_answer_has_its_records(kind: str, records: tuple[str, ...]) -> None:
    query = write(1, NAME, kind)
    answer = read(response(rrset(*records, kind=kind), query=query).to_wire(), query)
    assert answer is not None
    assert set(answer.records) == set(rrset(*records, kind=kind))
    assert answer.ttl == 300


def test_the_resolver_vouches_for_an_answer_with_a_bit() -> None:
    made = response(rrset("10 mx.example.net."))
    made.flags |= dns.flags.AD
    answer = read(made.to_wire(), QUERY)
    assert answer is not None
    assert answer.authentic


def test_records_of_different_times_hold_for_the_shortest() -> None:
    octets = bytearray(response(rrset("10 a.example.net.", "20 b.example.net.")).to_wire())
    at = octets.rindex((300).to_bytes(4))
    octets[at : at + 4] = (60).to_bytes(4)
    answer = read(bytes(octets), QUERY)
    assert answer is not None
    assert (len(answer.records), answer.ttl) == (2, 60)


@pytest.mark.parametrize(("ttl", "expected"), [(900, 300), (120, 120)])
def test_that_there_is_none_holds_as_long_as_the_zone_says(ttl: int, expected: int) -> None:
    made = response()
    made.authority.append(rrset(SOA, kind="SOA", ttl=ttl))
    assert read(made.to_wire(), QUERY) == Answer((), expected)


def _code(made: dns.message.Message, code: dns.rcode.Rcode) -> None:
    made.set_rcode(code)


STRANGE: dict[str, Callable[[dns.message.Message], object]] = {
    "another's number": lambda made: setattr(made, "id", 1),
    "another question": lambda made: made.question.__setitem__(0, dns.rrset.from_text("example.org.", 0, "IN", "MX")),
    "no question": lambda made: made.question.clear(),
    "a query": lambda made: setattr(made, "flags", made.flags & ~dns.flags.QR),
    "cut off": lambda made: setattr(made, "flags", made.flags | dns.flags.TC),
    "no such domain": lambda made: _code(made, dns.rcode.NXDOMAIN),
    "out of order": lambda made: _code(made, dns.rcode.SERVFAIL),
    "an alias first": lambda made: made.answer.insert(0, rrset("real.example.org.", kind="CNAME")),
    "another name's": lambda made: made.answer.append(rrset("10 mx.example.org.", name="example.org.")),
    "another type": lambda made: made.answer.append(rrset("198.18.0.1", kind="A")),
    "none, by nobody's word": lambda made: made.answer.clear(),
    "a referral": lambda made: (
        made.answer.clear(),
        made.authority.append(rrset("ns.example.net.", kind="NS")),
    ),
}


@pytest.mark.parametrize("strange", STRANGE)
def test_what_is_not_plain_is_not_read(strange: str) -> None:
    made = response(rrset("10 mx.example.net."))
    assert read(made.to_wire(), QUERY) is not None
    STRANGE[strange](made)
    assert read(made.to_wire(), QUERY) is None


@given(at=some.integers(0, 200), octet=some.integers(0, 255), length=some.integers(0, 200))
def test_a_damaged_answer_is_read_or_refused(at: int, octet: int, length: int) -> None:
    octets = bytearray(response(rrset("10 mx.example.net.", "20 b.example.org.")).to_wire())
    octets[at % len(octets)] = octet
    with suppress(dns.exception.DNSException):
        read(bytes(octets[: length or None]), QUERY)


@pytest.mark.parametrize("name", ["a" * 64 + ".example.", "a..example.", ".".join(["a" * 60] * 5) + "."])
async def test_a_name_that_cannot_be_has_no_answer(name: str) -> None:
    assert await ask(("127.0.0.1", 9), name, "MX", 0.2) is None


async def test_nobody_at_the_other_end_is_no_answer() -> None:
    async with serving(Nameserver({})) as nameserver:
        port = int(nameserver.address.rpartition(":")[2])
    assert await ask(("127.0.0.1", port), NAME, "MX", 5.0) is None


async def test_silence_is_no_answer_when_patience_is_over() -> None:
    async with serving(Nameserver({"example.net MX": Silent()})) as nameserver:
        port = int(nameserver.address.rpartition(":")[2])
        assert await ask(("127.0.0.1", port), NAME, "MX", 0.01) is None


async def test_a_plain_question_is_asked_once() -> None:
    async with serving(Nameserver({"example.net MX": ("10 mx.example.net.",)})) as nameserver:
        assert isinstance(await Resolver([nameserver.address]).query("example.net", "MX"), Answer)
        assert nameserver.asked["example.net MX"] == 1


async def test_of_two_nameservers_the_one_that_answers_is_enough() -> None:
    zone = {"example.net MX": ("10 mx.example.net.",)}
    async with serving(Nameserver(zone)) as well, serving(Nameserver({"example.net MX": Fails("SERVFAIL")})) as ill:
        resolver = Resolver([ill.address, well.address])
        for _ in range(4):
            assert isinstance(await resolver.query("example.net", "MX"), Answer)


async def test_a_failure_is_told_as_before() -> None:
    async with serving(Nameserver({"example.net MX": Fails("SERVFAIL")})) as nameserver:
        found = await Resolver([nameserver.address], 1.0).query("example.net", "MX")
    assert isinstance(found, Failure)
    assert "SERVFAIL" in found.text
