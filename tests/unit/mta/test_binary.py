"""Parts without lines arrive to the octet, whatever the lines around them end with."""

import random
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.binary import as_text
from mta.message import Draft, draft
from tests.fuzz import fuzzed

PICTURE = b"\x89PNG\r\n\x1a\n\0\r\r\n\n\n--c\n" + bytes(range(256)) + b"\r"
HEAD = b"From: a@example.com\nDate: Thu, 1 Jan 1970 00:00:00 +0000\nMessage-ID: <1@example.com>\nMIME-Version: 1.0\n"
MIXED = HEAD + b'Content-Type: multipart/mixed; boundary="b"\nContent-Transfer-Encoding: binary\n\npreamble\n'
PART = b"--b\nContent-Type: image/png\nContent-Transfer-Encoding:  Binary\nX: y\n\n"
TEXT = b"--b\nContent-Type: text/plain\nContent-Transfer-Encoding: binary\n\na\nb\n\n"


def sent(content: bytes) -> EmailMessage:
    """The message as a receiver reads it, having come by the poorest server."""
    found = draft(content, job_id="job-1", accepted_at=0.0)
    assert isinstance(found, Draft), found
    octets = found.octets(eightbitmime=False)
    assert isinstance(octets, bytes)
    assert octets.isascii()
    parsed = message_from_bytes(octets, policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_binary_part_arrives_to_the_octet_beside_text_whose_lines_are_mended(end: bytes) -> None:
    around = [piece.replace(b"\n", end) for piece in (MIXED + TEXT + PART, b"\n--b--\n")]
    parts = list(sent(around[0] + PICTURE + around[1]).iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "image/png"]
    assert parts[0].get_payload(decode=True) == b"a\r\nb\r\n"
    assert parts[1].get_payload(decode=True) == PICTURE
    assert (parts[1]["content-transfer-encoding"], parts[1]["x"]) == ("base64", "y")


def test_a_message_that_is_nothing_but_binary_arrives_to_the_octet() -> None:
    head = HEAD + b"Content-Type: application/pdf\nContent-Transfer-Encoding: binary\n\n"
    assert sent(head + PICTURE).get_payload(decode=True) == PICTURE


def test_a_binary_part_in_a_message_in_the_message_arrives_to_the_octet() -> None:
    outer = HEAD + b'Content-Type: multipart/mixed; boundary="o"\n\n--o\nContent-Type: message/rfc822\n\n'
    parts = [*sent(outer + MIXED + PART + PICTURE + b"\n--b--\n\n--o--\n").walk()]
    assert parts[-1].get_payload(decode=True) == PICTURE


@pytest.mark.parametrize(
    "entity",
    [
        b"",
        b"no header",
        b"Content-Transfer-Encoding: binary\n\na\rb",
        b"Content-Type: text/html\nContent-Transfer-Encoding: binary\n\na\rb",
        b"Content-Type: image/png\nContent-Transfer-Encoding: 8bit\n\na\rbinary",
        b"Content-Type: image/png\nContent-Transfer-Encoding: binary\n\na\r\n\x80",
        b"Content-Type: image/png\nX: Content-Transfer-Encoding: binary\n\na\rb",
        b"Content-Type: multipart/mixed\nContent-Transfer-Encoding: binary\n\n" + PART + b"a\rb\n--b--\n",
        b'Content-Type: multipart/signed; boundary="b"\n\n' + PART + b"a\rb\n--b--\n",
        b'Content-Type: multipart/mixed; boundary="b"\n\nPREAMBLE: ' + PART[4:] + b"a\rb",
    ],
)
def test_all_else_stays_as_it_is(entity: bytes) -> None:
    assert as_text(entity) == entity


def test_a_message_nested_without_end_is_left_alone_and_soon() -> None:
    entity = b"Content-Type: message/rfc822\n\n" * 5000 + b"Content-Type: x/y\nContent-Transfer-Encoding: binary\n\n\r"
    assert as_text(entity) == entity


@fuzzed
@given(st.binary(max_size=300), st.sampled_from([b"\n", b"\r\n"]))  # behind a lone CR, an LF would be of the same end
def test_fuzz_binary_parts_arrive_to_the_octet(octets: bytes, end: bytes) -> None:
    boundary = f"{random.Random(octets).getrandbits(64):x}".encode()  # none of the octets
    around = [piece.replace(b"\n", end).replace(b"--b", b"--" + boundary) for piece in (PART, b"\n--b--\n")]
    head = (MIXED.replace(b'"b"', boundary)).replace(b"\n", end)
    [part] = sent(head + around[0] + octets + around[1]).iter_parts()
    assert part.get_payload(decode=True) == octets
