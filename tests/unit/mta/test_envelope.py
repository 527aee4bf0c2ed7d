"""Addresses: what is one, what is none, and why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.envelope import Domain, Envelope, Mailbox, a_form, parse_mailbox
from tests.fuzz import fuzzed

LEGAL = [
    ("a@b.example", "a", "b.example"),
    ("First.Last+tag@EXAMPLE.net", "First.Last+tag", "example.net"),
    ("!#$%&'*+-/=?^_`{|}~@b.example", "!#$%&'*+-/=?^_`{|}~", "b.example"),
    ('"a b"@b.example', '"a b"', "b.example"),
    ('"a@b"@b.example', '"a@b"', "b.example"),
    ('"a\\"\\\\b"@b.example', '"a\\"\\\\b"', "b.example"),
    ('""@b.example', '""', "b.example"),
    ("jörg@müller.example", "jörg", "xn--mller-kva.example"),
    ("用户@例え。jp", "用户", "xn--r8jz45g.jp"),
    ("a@faß.example", "a", "xn--fa-hia.example"),
    ("a@xn--mller-kva.example", "a", "xn--mller-kva.example"),
    ("a@localhost", "a", "localhost"),
    ("a@3com.example", "a", "3com.example"),
    ("a@ab--cd.example", "a", "ab--cd.example"),
    ("x" * 64 + "@b.example", "x" * 64, "b.example"),
]

FAULTS = [
    ("", "is empty"),
    ("a", "has no domain"),
    ("a@", "has no domain"),
    ("@b.example", "has no local part"),
    ("a@b.example>\r\nRCPT TO:<v@x.example", "has a control character (U+000D)"),
    ("a@b.example\n", "has a control character (U+000A)"),
    ("a\0@b.example", "has a control character (U+0000)"),
    ("a\x7f@b.example", "has a control character (U+007F)"),
    ("a\x85@b.example", "has a control character (U+0085)"),
    ("a\u2028@b.example", "has a control character (U+2028)"),
    ("a\ud800@b.example", "has a control character (U+D800)"),
    ("x" * 65 + "@b.example", "is too long: a local part of over 64 octets"),
    ("ü" * 33 + "@b.example", "is too long: a local part of over 64 octets"),
    ("a@" + "b." * 130 + "example", "is too long: a domain of over 255 octets"),
    ("a@" + "b" * 64 + ".example", "is too long: a domain label of over 63 octets"),
    ("a" * 60 + "@" + "b." * 97 + "c", "is too long: over 254 octets"),
    ("a b@b.example", "neither a dot-atom nor a quoted string"),
    (" a@b.example", "neither a dot-atom nor a quoted string"),
    ("<a@b.example>", "neither a dot-atom nor a quoted string"),
    ("a..b@b.example", "neither a dot-atom nor a quoted string"),
    (".a@b.example", "neither a dot-atom nor a quoted string"),
    ("a.@b.example", "neither a dot-atom nor a quoted string"),
    ('"a@b.example', "neither a dot-atom nor a quoted string"),
    ('"a"b"@b.example', "neither a dot-atom nor a quoted string"),
    ("a@b@c.example", "neither a dot-atom nor a quoted string"),
    ("A <a@b.example>", "neither a dot-atom nor a quoted string"),
    ("a@b.example SIZE=1", "has a domain that is none"),
    ("a@b.example:25", "has a domain that is none"),
    ("a@b_c.example", "has a domain that is none"),
    ("a@-b.example", "has a domain that is none"),
    ("a@b-.example", "has a domain that is none"),
    ("a@b..example", "an empty label"),
    ("a@.example", "an empty label"),
    ("a@b.example.", "an empty label"),
    ("a@[192.0.2.1]", "address literal"),
    ("a@[IPv6:::1]", "address literal"),
    ("a@192.0.2.1", "an address where a domain is wanted"),
    ("a@xn--a.example", "no IDN"),
    ("a@☃.example", "no IDN"),
    ("a@ü .example", "no IDN"),
    ("a@\u202eb.example", "no IDN"),
]


@pytest.mark.parametrize(("text", "local", "domain"), LEGAL)
def test_a_mailbox_keeps_its_local_part_and_has_its_domain_in_a_form(text: str, local: str, domain: str) -> None:
    assert parse_mailbox(text) == Mailbox(local, domain)


@pytest.mark.parametrize(("text", "fault"), FAULTS)
def test_what_is_no_mailbox_is_said_exactly(text: str, fault: str) -> None:
    found = parse_mailbox(text)
    assert isinstance(found, str)
    assert fault in found


def test_the_null_reverse_path_is_for_senders_only() -> None:
    assert Envelope.of("", "a@b.example") == Envelope("", "a@b.example")
    assert Envelope.of("a@b.example", "") == "rcpt_to is empty"


def test_an_envelope_names_the_field_at_fault() -> None:
    assert Envelope.of("a", "a@b.example") == "mail_from has no domain"
    assert Envelope.of("a@b.example", "b") == "rcpt_to has no domain"


def test_smtputf8_is_needed_for_a_local_part_beyond_ascii_only() -> None:
    needs = {text: Envelope.of("a@b.example", text) for text in ("a@müller.example", "ü@b.example")}
    assert [envelope.needs_smtputf8 for envelope in needs.values() if isinstance(envelope, Envelope)] == [False, True]
    assert Envelope("ü@b.example", "a@b.example").needs_smtputf8
    assert Envelope("", "a@b.example", utf8_headers=True).needs_smtputf8


@fuzzed
@given(st.text(max_size=300) | st.text('ab.@"\\<> \r\n\0[]:üß。xn-19', max_size=40) | st.from_regex(r"[^@]*@[^@]*"))
def test_fuzz_an_accepted_address_can_stand_in_a_command(text: str) -> None:
    found = parse_mailbox(text)
    if isinstance(found, str):
        return
    wire = str(found).encode()
    assert len(wire) <= 254
    assert not set(wire) & set(b"\r\n\0")
    assert found.domain.isascii()
    if not found.local.startswith('"'):
        assert not set(found.local) & set(' <>()[]:;,\\"')
    assert parse_mailbox(str(found)) == found


@fuzzed
@given(st.text(max_size=70))
def test_fuzz_an_a_form_is_its_own_a_form(text: str) -> None:
    match a_form(text):
        case Domain(name):
            assert a_form(name) == Domain(name)
        case fault:
            assert fault
