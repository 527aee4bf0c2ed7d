"""What `{column}` becomes, and what stays as it is."""

import base64
import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.message import crlf
from worker.template import Template

PLAIN = "text/plain; charset=utf-8"


def filled(octets: bytes, **row: str) -> bytes:
    template = Template.read(octets, tuple(row))
    assert template.fault(row) is None
    return template.fill(row)


def parsed(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def mail(body: bytes, content_type: str = PLAIN, encoding: str = "8bit") -> bytes:
    head = f"From: a@example.org\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + body


def body(octets: bytes) -> bytes:
    """The body without its last line end."""
    return octets.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def test_a_placeholder_becomes_the_value_and_every_other_octet_stays() -> None:
    octets = b"Subject:  Hello {name} !\r\nX-Odd :\t{ name } {nobody} {{name}}\r\n\r\n\xff{name}\r\n{na\r\nme}{other}\x00\r\n"
    assert filled(octets, name="Ann") == (
        b"Subject:  Hello Ann !\r\nX-Odd :\t{ name } {nobody} {Ann}\r\n\r\n\xffAnn\r\n{na\r\nme}{other}\x00\r\n"
    )


def test_line_ends_become_crlf() -> None:
    assert filled(b"A: b\n\n{x}\n\r\n", x="1\n2\r3") == b"A: b\r\n\r\n1\r\n2\r\n3\r\n\r\n"


@given(st.binary(), st.binary())
def test_a_message_without_placeholders_stays_whole(head: bytes, text: bytes) -> None:
    octets = (head + b"\r\n\r\n" + text).replace(b"{", b"(")
    template = Template.read(octets, ("name", "email"))
    assert template.fill({"name": "Ann", "email": "a@b.example"}) == crlf(octets)
    assert not template.personal


@pytest.mark.parametrize("octets", [b"", b"Subject: {x}", b"Subject: {x}\r\n", b"\r\n{x}", b"\r\n"])
def test_odd_messages_are_filled_too(octets: bytes) -> None:
    assert filled(octets, x="1") == crlf(octets.replace(b"{x}", b"1"))


def test_column_names_may_be_anything() -> None:
    octets = mail("{a.b} {größe} {x y} {(} {a}".encode())
    assert body(filled(octets, **{"a.b": "1", "größe": "2", "x y": "3", "(": "4"})) == b"1 2 3 4 {a}"


# Bodies


def test_a_value_is_written_in_the_charset_of_its_part() -> None:
    assert body(filled(mail(b"{x}"), x="Zoë")) == "Zoë".encode()
    assert body(filled(mail(b"{x}", "text/plain; charset=iso-8859-1"), x="Zoë")) == b"Zo\xeb"
    assert body(filled(mail(b"{x}", "text/plain"), x="Zoë")) == "Zoë".encode()


def test_a_letter_that_a_charset_lacks_is_a_fault_of_the_row_in_text_and_a_reference_in_html() -> None:
    template = Template.read(mail(b"{x}{y}", "text/plain; charset=us-ascii"), ("x", "y"))
    assert template.fault({"x": "Zoe", "y": "Zoë"}) == (
        "column 'y': 'Zoë' cannot be written in us-ascii, the charset of the text/plain part"
    )
    assert template.fault({"x": "Zoe", "y": "Ann"}) is None
    assert body(filled(mail(b"{x}", "text/html; charset=us-ascii"), x="Zoë")) == b"Zo&#235;"


def test_markup_in_a_value_is_text_in_html() -> None:
    assert body(filled(mail(b"<p>{x}</p>", "text/html"), x='<b>"R&D"')) == b"<p>&lt;b&gt;&quot;R&amp;D&quot;</p>"
    assert body(filled(mail(b"<p>{x}</p>"), x="<b>")) == b"<p><b></p>"


@pytest.mark.parametrize("hole", [b"{first_name}", b"=7Bfirst_name=7d", b"{first=5Fname}", b"{first=\r\n_name}"])
def test_quoted_printable_is_read_and_written_as_such(hole: bytes) -> None:
    before = b"Gr=C3=BC=C3=9Fe =\r\nan " + b"x" * 60
    octets = mail(before + hole + b"!\r\nEnd=20\r\n", encoding="quoted-printable")
    value = "Zoë = 100 % " + "Ünlü" * 40 + " \nline two \n.dot"
    result = filled(octets, first_name=value)
    assert body(result).startswith(before)
    assert max(map(len, body(result).split(b"\r\n"))) <= 76
    assert parsed(result).get_content().replace("\r\n", "\n") == "Grüße an " + "x" * 60 + value + "!\nEnd \n"


def test_a_base64_text_part_is_filled_and_other_parts_are_not_touched() -> None:
    text = base64.encodebytes("Grüße, {x}! ".encode() * 20).replace(b"\n", b"\r\n")
    result = filled(mail(text, encoding="base64"), x="Zoë")
    assert parsed(result).get_content() == "Grüße, Zoë! " * 20
    assert max(map(len, body(result).split(b"\r\n"))) <= 76
    untouched = mail(b"e3h9\r\n =broken\r\n", encoding="base64")
    assert filled(untouched, x="Zoë") == untouched
    image = mail(base64.b64encode(b"{x}") + b"\r\n", "image/png", "base64")
    assert filled(image, x="Zoë") == image


def test_each_part_of_a_multipart_is_filled_in_its_own_way() -> None:
    octets = (
        b'Content-Type: multipart/mixed; boundary="{x}b"\r\n\r\npreamble {x}\r\n--{x}b\r\n'
        b"Content-Type: multipart/alternative; boundary=in\r\n\r\n--in\r\n\r\nplain {x}\r\n--in\r\n"
        b"Content-Type: text/html\r\n\r\n<p>{x}\r\n--in--\r\nepilogue {x}\r\n--{x}b\r\n"
        b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nattached {x}\r\n--{x}b\r\n"
        b"Content-Type: application/pdf\r\n\r\n{x}\r\n--{x}b\r\n"
        b"Content-Type: message/rfc822\r\n\r\nSubject: {x}\r\n\r\n{x}\r\n--{x}b--\r\n{x}\r\n"
    )
    octets = octets.replace(b"{x}b", b"out")
    expected = octets.replace(b"plain {x}", b"plain <1>").replace(b"<p>{x}", b"<p>&lt;1&gt;")
    assert filled(octets, x="<1>") == expected


def test_a_signed_part_is_never_changed() -> None:
    octets = b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n{x}\r\n--b--\r\n"
    assert filled(octets, x="1") == octets


# Headers


@pytest.mark.parametrize("value", ["a\r\nBcc: x@evil.example", "a\n\nbody", "a\rX: y", "a\u2028X: y", "a\0b"])
@pytest.mark.parametrize(
    "name", ["Subject", "To", "List-Unsubscribe", "Message-ID", "X-Any", "Content-Type", "Feedback-ID"]
)
def test_no_value_can_begin_a_header_of_its_own(name: str, value: str) -> None:
    for wanted in ("{x}", '"{x}" <a@b.example>', "<{x}>", "=?utf-8?q?{x}?="):
        octets = f"{name}: {wanted}\r\nX-Last: 1\r\n\r\nbody\r\n".encode()
        template = Template.read(octets, ("x",))
        result = template.fill({"x": value})
        lines = result.split(b"\r\n")
        assert lines[-4:] == [b"X-Last: 1", b"", b"body", b""]
        assert all(line[:1] in b" \t" or line.startswith((name.encode(), b"X-Last")) for line in lines[:-3])
        assert not any(octet in line for line in lines for octet in (b"\r", b"\n", b"\0"))


def test_a_value_beyond_ascii_makes_a_subject_of_encoded_words() -> None:
    result = filled(b"Subject: Hello {first} {last}, " + b"news " * 30 + b"\r\n\r\n", first="Zoë", last="Müller")
    assert result.isascii()
    assert max(map(len, result.split(b"\r\n"))) <= 76
    assert parsed(result)["subject"] == "Hello Zoë Müller, " + ("news " * 30).strip()


def test_placeholders_inside_encoded_words_are_found() -> None:
    for word in (
        b"=?utf-8?q?Gr=C3=BC=C3=9Fe_=7Bx=7D!?=",
        b"=?utf-8?q?Gr=C3=BC=C3=9Fe_{x}!?=",
        b"=?utf-8?b?R3LDvMOfZSB7eH0h?=",
    ):
        assert parsed(filled(b"Subject: " + word + b"\r\n\r\n", x="Zoë"))["subject"] == "Grüße Zoë!"
    octets = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n"
    assert filled(octets, x="Zoë") == octets


def test_a_raw_utf8_field_stays_raw() -> None:
    assert filled("Subject: Grüße {x}\r\n\r\n".encode(), x="Zoë") == "Subject: Grüße Zoë\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("field", "name", "result"),
    [
        (b"To: {n} <{e}>", "Ann Lee", b"To: Ann Lee <ann@example.net>"),
        (b"To: {n} <{e}>", "Lee, Ann", b'To: "Lee, Ann" <ann@example.net>'),
        (b'To: "{n}" <{e}>', 'Ann "A" \\Lee', b'To: "Ann \\"A\\" \\\\Lee" <ann@example.net>'),
        (b"To: {e}", "", b"To: ann@example.net"),
        (b"To: {n} <{e}>", "Zoë", b"To: =?utf-8?q?Zo=C3=AB?= <ann@example.net>"),
        (b"Reply-To: =?utf-8?q?F=C3=BCr_{n}?= <{e}>", "Zoë", b"Reply-To: =?utf-8?b?RsO8ciBab8Or?= <ann@example.net>"),
    ],
)
def test_names_in_address_fields_are_quoted_or_encoded_where_they_must_be(
    field: bytes, name: str, result: bytes
) -> None:
    made = filled(field + b"\r\n\r\n", n=name, e="ann@example.net")
    assert made.isascii()
    address = parsed(made)[field.partition(b":")[0].decode()].addresses[0]
    expected = parsed(result + b"\r\n\r\n")[field.partition(b":")[0].decode()].addresses[0]
    assert (address.display_name, address.addr_spec) == (expected.display_name, expected.addr_spec)
    if name.isascii():
        assert made == result + b"\r\n\r\n"


def test_an_address_beyond_ascii_makes_the_field_utf8() -> None:
    made = filled(b"To: {n} <{e}>\r\n\r\n", n="Zoë", e="zoë@example.net")
    assert made == "To: Zoë <zoë@example.net>\r\n\r\n".encode()


def test_uris_of_list_fields_keep_what_a_uri_may_hold_and_escape_the_rest() -> None:
    octets = b"List-Unsubscribe: <https://x.example/u?e={e}&t={t}>,\r\n <mailto:u@x.example?subject={t}>\r\n\r\n"
    assert filled(octets, e="a+b@example.net", t="ö >x%20") == (
        b"List-Unsubscribe: <https://x.example/u?e=a+b@example.net&t=%C3%B6%20%3Ex%20>,\r\n"
        b" <mailto:u@x.example?subject=%C3%B6%20%3Ex%20>\r\n\r\n"
    )


def test_fields_of_tokens_take_ascii_only() -> None:
    template = Template.read(b"Message-ID: <{id}@x.example>\r\n\r\n", ("id",))
    assert (
        template.fault({"id": "ü"})
        == "column 'id': 'ü' cannot be written in us-ascii, the charset of header Message-ID"
    )
    assert template.fill({"id": "7"}) == b"Message-ID: <7@x.example>\r\n\r\n"


def test_a_very_long_value_is_folded() -> None:
    made = filled(b"Subject: {x}\r\nTo: {x} <a@b.example>\r\n\r\n", x="word " * 400)
    assert max(map(len, made.split(b"\r\n"))) <= 998
    assert parsed(made)["subject"].split() == ["word"] * 400


def test_what_looks_like_a_column_and_is_none_is_named_once() -> None:
    template = Template.read(mail(b"Dear {name} or {nmae}, {nmae}: {color: red} {} {no name}"), ("name",))
    assert template.strays == ["nmae"]
