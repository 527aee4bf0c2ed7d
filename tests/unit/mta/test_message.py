"""Drafts: what is added, what is refused, what stays as it was."""

import re
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.attempt import Broken, Trouble
from mta.message import Draft, crlf, draft
from mta.recode import MAX_LINE, long_line
from tests.fuzz import fuzzed

FULL = b"From: a@example.com\r\nDate: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"


def made(content: str | bytes, job_id: str = "job-1", accepted_at: float = 1_000_000_000.9) -> Draft:
    found = draft(content, job_id=job_id, accepted_at=accepted_at)
    assert isinstance(found, Draft), found
    return found


def fault(content: str | bytes) -> str:
    found = draft(content, job_id="job-1", accepted_at=0.0)
    assert isinstance(found, Broken)
    assert found.trouble is Trouble.ILLEGAL_MESSAGE
    return found.text


def test_a_complete_message_travels_as_it_is() -> None:
    content = FULL + b"Subject: x\r\n y\r\n\r\n.\r\n..\r\n\r\n\r\n"
    assert made(content).octets(eightbitmime=True) == content
    assert made(content).octets(eightbitmime=False) == content


def test_date_and_message_id_are_put_before_a_message_that_lacks_them() -> None:
    content = b"From: A <a@news.example.com>\r\nTo: b@b.example\r\n\r\nHello\r\n"
    octets = made(content).octets(eightbitmime=True)
    assert isinstance(octets, bytes)
    assert octets.endswith(content)
    added = octets.removesuffix(content).decode()
    assert re.fullmatch(
        r"Date: Sun, 09 Sep 2001 01:46:40 \+0000\r\nMessage-ID: <[0-9a-f]{40}@news\.example\.com>\r\n", added
    )


def test_what_is_added_is_the_same_on_every_retry_and_another_for_another_job() -> None:
    content = b"From: a@example.com\r\n\r\n"
    assert made(content).whole == made(content).whole
    assert made(content, job_id="job-2").whole != made(content).whole


@pytest.mark.parametrize("present", [b"date: x\r\n", b"MESSAGE-ID: <x>\r\n"])
def test_what_is_there_is_neither_changed_nor_added_again(present: bytes) -> None:
    whole = made(b"From: a@example.com\r\n" + present + b"\r\n").whole
    name = present.partition(b":")[0].lower()
    assert present in whole
    assert whole.lower().count(name + b":") == 1


@pytest.mark.parametrize(
    ("given", "body"),
    [
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\rb\r", b"a\r\nb\r\n"),
        (b"a\r\nb", b"a\r\nb\r\n"),
        (b"a\r\r\nb", b"a\r\n\r\nb\r\n"),
        (b"a\n\rb", b"a\r\n\r\nb\r\n"),
        (b"a\n.\nQUIT\n", b"a\r\n.\r\nQUIT\r\n"),
        (b"a\r.\r\nMAIL FROM:<x>\r\n", b"a\r\n.\r\nMAIL FROM:<x>\r\n"),
        (b"", b""),
        (b"\n\n", b"\r\n\r\n"),
    ],
)
def test_every_kind_of_line_end_becomes_crlf(given: bytes, body: bytes) -> None:
    found = made(FULL + b"\r\n" + given)
    assert found.whole == FULL + b"\r\n" + body
    assert found.whole[found.head :] == body


def test_a_message_of_bare_cr_or_lf_is_the_same_message() -> None:
    content = FULL + b"\r\nHello\r\n\r\nthere\r\n"
    for end in (b"\n", b"\r"):
        assert made(content.replace(b"\r\n", end)).whole == content


def test_text_is_sent_as_utf_8() -> None:
    found = made("From: a@example.com\n\nGrüße\n")
    assert found.whole.endswith("\r\n\r\nGrüße\r\n".encode())
    assert (found.eight_bit, found.utf8_headers) == (True, False)


def test_a_header_without_a_body_gets_its_empty_line() -> None:
    assert made(FULL).whole == FULL + b"\r\n"
    assert made(FULL[:-2]).whole == FULL + b"\r\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "no From header"),
        ("Hello\n", "line 1 of the header is no header field"),
        ("\nFrom: a@example.com\n", "no From header"),
        ("Subject: x\n\nFrom: a@example.com\n", "no From header"),
        ("From: a@example.com\nFrom: b@example.com\n\n", "2 from headers"),
        ("From: a@example.com\nSubject: x\nsubject: y\n\n", "2 subject headers"),
        ("From: a@example.com\nDate: x\nDate: x\n\n", "2 date headers"),
        ("From: a@example.com\nMessage-ID: <x>\nMessage-Id: <x>\n\n", "2 message-id headers"),
        ("From: a@example.com\nTo: x\nTo: y\nTo: z\n\n", "3 to headers"),
        ("From: a@example.com\nContent-Type: text/plain\nContent-Type: text/html\n\n", "2 content-type headers"),
        ("From: nobody\n\n", "no address that can be read"),
        ("From: \n\n", "no address that can be read"),
        ("From: undisclosed:;\n\n", "no address that can be read"),
        ("From: a@\n\n", "no address that can be read"),
        ("From: a@[192.0.2.1]\n\n", "address literal"),
        ("From: a@b_c.example\n\n", "has a domain that is none"),
        ("From: a@example.com, b@example.org\n\n", "names 2 mailboxes"),
        ("From: a@example.com\nbroken\n\n", "line 2 of the header is no header field"),
        ("From: a@example.com\nX y: z\n\n", "line 2 of the header is no header field"),
        ("From: a@example.com\nSubject : z\n\n", "line 2 of the header is no header field"),
        ("From: a@example.com\n: z\n\n", "line 2 of the header is no header field"),
        (" folded\nFrom: a@example.com\n\n", "line 1 of the header is no header field"),
        ("From a@example.com Thu\nFrom: a@example.com\n\n", "line 1 of the header is no header field"),
        ("From: a@example.com\nX: a\0b\n\n", "control character (0x00) in line 2"),
        ("From: a@example.com\nX: a\x0bb\n\n", "control character (0x0b) in line 2"),
        (b"From: a@example.com\nTo: x\nX: \xfc\n\n", "neither ASCII nor UTF-8 in line 3"),
        ("From: a@example.com\nX: " + "x" * 996 + "\n\n", "line of over 998 octets"),
        ("From: a@example.com\n" + "X: y\n" * 60_000 + "\n", "over 256 KiB"),
        ("From: a@example.com\n" + "X: y\n" * 1000 + "\n", "1001 fields, more than 1000"),
        ("From: a@example.com\n\n\ud800", "lone surrogate"),
    ],
)
def test_a_message_that_rfc_5322_does_not_allow_is_refused(content: str | bytes, text: str) -> None:
    assert text in fault(content)


@pytest.mark.parametrize(
    ("value", "domain"),
    [
        ("a@Example.COM", "example.com"),
        ("A Name <a@example.com>", "example.com"),
        ('"evil@example.org" <a@example.com>', "example.com"),
        ("A\n (comment)\n\t<a@example.com>", "example.com"),
        ("=?utf-8?q?J=C3=B6rg?= <a@example.com>", "example.com"),
        ('"a@b"@example.com', "example.com"),
        ("Jörg <a@müller.example>", "xn--mller-kva.example"),
    ],
)
def test_the_domain_of_the_author_is_read(value: str, domain: str) -> None:
    assert made(f"From: {value}\n\n").from_domain == domain


def test_several_authors_need_a_sender() -> None:
    assert made("From: a@example.com, b@example.org\nSender: a@example.com\n\n").from_domain == "example.com"


def test_utf_8_headers_need_a_server_that_takes_them() -> None:
    found = made("From: a@example.com\nSubject: Grüße\n\nx\n")
    assert found.utf8_headers
    assert found.octets(eightbitmime=True) == found.whole
    refused = found.octets(eightbitmime=False)
    assert isinstance(refused, Broken)
    assert refused.trouble is Trouble.NEEDS_SMTPUTF8


NEWSLETTER = (
    FULL
    + (
        "MIME-Version: 1.0\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
        'Content-Type: multipart/mixed; boundary="out er"\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n'
        '--out er\r\nContent-Type: multipart/alternative; boundary="out er2"\r\n\r\n'
        "--out er2\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        ".\r\nGrüße \r\nFrom here\r\n\r\n--out er2  \r\n\r\nplain ASCII, no header\r\n--out er2\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + "ö" * 600 + "</p>\r\n--out er2--\r\n"
        "--out er\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\nX-Odd:  kept  as is\r\n\r\n"
        "R0lGODlhAQABAAAAACwAAAAAAQABAAA=\r\n"
        "--out er\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "From: c@example.org\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n"
    ).encode()
    + b"\xe4\xf6\xfc\r\n--out er--\r\nepilogue\r\n"
)


def texts(octets: bytes) -> list[tuple[str, object]]:
    return [
        (part.get_content_type(), part.get_payload(decode=True))
        for part in message_from_bytes(octets, policy=default).walk()
        if not part.is_multipart()
    ]


def test_a_newsletter_is_brought_to_seven_bits_part_by_part() -> None:
    octets = made(NEWSLETTER).octets(eightbitmime=False)
    assert isinstance(octets, bytes)
    assert octets.isascii()
    assert texts(octets) == texts(NEWSLETTER)
    for untouched in (
        b"\r\n\r\npreamble\r\n",
        b"--out er2  \r\n\r\nplain ASCII, no header\r\n",
        b"X-Odd:  kept  as is\r\n",
    ):
        assert untouched in octets
    assert octets.endswith(b"\r\n--out er--\r\nepilogue\r\n")
    assert b"8bit" not in octets


def test_only_the_parts_with_long_lines_are_encoded_for_a_server_that_takes_eight_bits() -> None:
    octets = made(NEWSLETTER).octets(eightbitmime=True)
    assert isinstance(octets, bytes)
    assert not long_line(octets)
    assert "\r\nGrüße \r\n".encode() in octets
    assert texts(octets) == texts(NEWSLETTER)


def test_a_newsletter_without_long_lines_is_not_touched_at_all() -> None:
    short = NEWSLETTER.replace("ö".encode() * 600, "ö".encode() * 400)
    assert made(short).octets(eightbitmime=True) == short


@pytest.mark.parametrize(
    ("head", "body", "encoding"),
    [
        ("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n", b"x" * 999, "quoted-printable"),
        ("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n", b"a\0b", "quoted-printable"),
        ("", b"a\0b \r\n" + b"x" * 2000, "quoted-printable"),
        ("MIME-Version: 1.0\r\nContent-Type: application/x\r\n", b"\0" * 3000, "base64"),
        (
            "MIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: Base64\r\n",
            b"QUJD" * 300,
            "base64",
        ),
        (
            "MIME-Version: 1.0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: Quoted-Printable\r\n",
            b"=41" * 400,
            "quoted-printable",
        ),
    ],
)
def test_a_part_that_no_server_may_get_is_encoded_for_every_server(head: str, body: bytes, encoding: str) -> None:
    content = FULL + head.encode() + b"\r\n" + body + b"\r\n"
    for eightbitmime in (True, False):
        octets = made(content).octets(eightbitmime=eightbitmime)
        assert isinstance(octets, bytes)
        assert not long_line(octets)
        assert b"\0" not in octets
        parsed = message_from_bytes(octets, policy=default)
        assert parsed["content-transfer-encoding"] == encoding
        assert parsed["mime-version"] == "1.0"
        assert texts(octets) == texts(content)


@pytest.mark.parametrize("last", [b"=FC=", b"=FC" * 25 + b"=", b"=", b"=0D=0A="])
def test_encoded_text_that_ends_in_a_soft_line_break_gains_no_line(last: bytes) -> None:
    content = (
        FULL + b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=00\0\r\n" + last + b"\r\n"
    )
    octets = made(content).octets(eightbitmime=True)
    assert isinstance(octets, bytes)
    assert octets == crlf(octets)
    assert texts(octets) == texts(content)


def test_eight_bit_text_that_says_nothing_of_itself_is_declared() -> None:
    utf8 = made(FULL + "\r\nGrüße\r\n".encode()).octets(eightbitmime=False)
    other = made(FULL + b"\r\nGr\xfc\xdfe\r\n").octets(eightbitmime=False)
    assert isinstance(utf8, bytes)
    assert isinstance(other, bytes)
    assert message_from_bytes(utf8, policy=default).get_content() == "Grüße\r\n"
    assert message_from_bytes(other)["content-type"] == "text/plain; charset=unknown-8bit"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ('multipart/signed; boundary="b"', "--b\r\n\r\nü\r\n--b--\r\n", "multipart/signed part cannot be re-encoded"),
        ("multipart/mixed", "--b\r\n\r\nü\r\n--b--\r\n", "no boundary"),
        ('multipart/mixed; boundary="b"', "ü\r\n--b\r\n\r\nx\r\n--b--\r\n", "outside the parts"),
        ('multipart/mixed; boundary="b"', "--b\r\n\r\nx\r\n--b--\r\nü\r\n", "outside the parts"),
        ('multipart/mixed; boundary="b"', "ü\r\n", "outside the parts"),
        ('multipart/mixed; boundary="b"', "--b\r\nX: ü\r\n\r\nü\r\n--b--\r\n", "the header of a part"),
        ("message/partial; id=1", "ü\r\n", "message/partial part cannot be re-encoded"),
        ("text/plain\r\nContent-Transfer-Encoding: x-uuencode", "ü\r\n", "encoded as 'x-uuencode'"),
    ],
)
def test_a_message_with_no_other_legal_form_is_refused_with_the_reason(kind: str, body: str, text: str) -> None:
    content = FULL + f"MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}".encode()
    found = made(content).octets(eightbitmime=False)
    assert isinstance(found, Broken)
    assert found.trouble is Trouble.ILLEGAL_MESSAGE
    assert text in found.text
    assert made(content).octets(eightbitmime=True) == content


@pytest.mark.parametrize("length", [0, 1, MAX_LINE - 1, MAX_LINE, MAX_LINE + 1, MAX_LINE + 2, 5000])
@pytest.mark.parametrize("before", [0, 1, 500, 997, 998, 999, 1000, 3000])
def test_a_long_line_is_found_wherever_it_stands(length: int, before: int) -> None:
    lines = b"y\r\n" * before + b"x" * length
    assert long_line(lines + b"\r\n") == (length > MAX_LINE)
    assert long_line(lines + b"\r\ny\r\n") == (length > MAX_LINE)


@fuzzed
@given(
    st.binary(max_size=200) | st.lists(st.sampled_from([b"\r", b"\n", b"a", b".", b"\r\n"]), max_size=30).map(b"".join)
)
def test_fuzz_normalised_octets_have_one_kind_of_line_end(content: bytes) -> None:
    octets = crlf(content)
    assert octets.endswith(b"\r\n")
    assert not set(octets.replace(b"\r\n", b"")) & set(b"\r\n")
    assert crlf(octets) == octets


_NAMES = ["From", "Subject", "Content-Type", "Content-Transfer-Encoding", "MIME-Version", "X", "Date", "to", "Sender"]
_VALUES = [
    "a@example.com",
    'multipart/mixed; boundary="b"',
    "multipart/alternative; boundary=bb",
    "message/rfc822",
    "text/plain; charset=utf-8",
    "image/png",
    "base64",
    "quoted-printable",
    "8bit",
    "1.0",
    "ü",
    "x\r\n y",
    "=?utf-8?b?eA==?=",
]
_LINES = ["", "--b", "--b--", "--bb", "--bb--", "text", "ü", "x" * 1100, ".", "QUJD", "=FC=", "\0", "--b \t", "--bx"]
_headers = st.lists(
    st.tuples(st.sampled_from(_NAMES), st.sampled_from(_VALUES) | st.text(max_size=20)).map(
        lambda pair: ": ".join(pair)
    ),
    max_size=5,
)
_bodies = st.lists(st.sampled_from(_LINES) | _headers.map("\r\n".join) | st.text(max_size=30), max_size=14)
_messages = st.builds(
    lambda headers, lines: "\r\n".join(["From: a@example.com", *headers, "", *lines]),
    _headers,
    _bodies,
)


@fuzzed
@given(_messages | st.text(max_size=100) | st.binary(max_size=100))
def test_fuzz_a_message_is_refused_or_legal_in_every_form(content: str | bytes) -> None:
    found = draft(content, job_id="job-1", accepted_at=1.0)
    if isinstance(found, Broken):
        assert found.text
        return
    assert found.whole == draft(found.whole, job_id="job-2", accepted_at=2.0).whole  # type: ignore[union-attr]
    for eightbitmime in (True, False):
        octets = found.octets(eightbitmime=eightbitmime)
        if isinstance(octets, Broken):
            assert octets.text
            continue
        assert octets == crlf(octets)
        assert b"\0" not in octets
        assert max(map(len, octets.split(b"\r\n"))) <= MAX_LINE
        assert eightbitmime or octets.isascii()
