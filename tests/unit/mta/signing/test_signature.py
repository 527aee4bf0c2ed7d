"""Signatures: what they cover, and that verifiers by other hands take them."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from mta.message import Draft, crlf, draft
from mta.signing.canonical import relaxed_body, relaxed_header
from mta.signing.key import Key
from mta.signing.signature import hashed, sign
from tests import keys, opendkim
from tests.fuzz import fuzzed
from tests.unit.mta.signing.rfc8463 import ED25519_SEED, MESSAGE, RSA_KEY

RSA = Key("example.com", "rsa", keys.rsa())
ED25519 = Key("example.com", "ed", keys.ed25519())
RECORDS = dict(keys.record(key) for key in (RSA, ED25519))
NOW = 1_700_000_000.0


def made(content: str | bytes) -> bytes:
    found = draft(content, job_id="job-1", accepted_at=NOW)
    assert isinstance(found, Draft), found
    octets = found.octets(eightbitmime=True)
    assert isinstance(octets, bytes), octets
    return octets


def lookup(records: dict[str, str]) -> Callable[..., bytes]:
    def txt(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode().rstrip(".")].encode()

    return txt


def dkimpy(octets: bytes, records: dict[str, str] = RECORDS) -> list[bool]:
    count = octets.count(b"DKIM-Signature:")
    return [bool(dkim.DKIM(octets).verify(idx=index, dnsfunc=lookup(records))) for index in range(count)]


def tags(octets: bytes) -> dict[str, str]:
    field = re.match(rb"DKIM-Signature:((?:[^\r]|\r\n[ \t])*)\r\n", octets)
    assert field is not None
    pairs = (tag.partition("=") for tag in re.sub(r"\s", "", field[1].decode()).split(";"))
    return {name: value for name, _, value in pairs}


NEWSLETTER = (
    "From: A <news@example.com>\nTo: b@b.example\nSubject: Hello\n\tworld\nMIME-Version: 1.0\n"
    "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\nList-Id: <l.example.com>\n"
    "List-Unsubscribe: <https://example.com/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    "Feedback-ID: a:b:c:d\nX-Mailer: x\n\n"
    "  <td>  Grüße \t\n\n.\n..\nFrom here\n\n   \n\n"
)

BODIES = {
    "newsletter": NEWSLETTER,
    "no body": "From: a@example.com\n\n",
    "only empty lines": "From: a@example.com\n\n\n\n\n",
    "only blanks": "From: a@example.com\n\n \t \n \n",
    "no final line end": "From: a@example.com\n\nx",
    "form feeds and vertical tabs": "From: a@example.com\n\n\f x \f\n\v\n x\v \n\f",
    "folds of every kind": "From:\n a@example.com\nSubject:  a \n\t\t b\n \nTo:b@b.example\n\nx\n",
    "blank line in the header": "From: a@example.com\nSubject: a\n \n b\n\nx\n",
    "empty header values": "From: a@example.com\nSubject:\nTo: \n\nx\n",
    "UTF-8 header": "From: a@example.com\nSubject: Grüße\u00a0\n\nx\n",
    "many fields": "From: a@example.com\n" + "List-Archive: x\n" * 300 + "\nx\n",
}


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES.keys())
def test_dkimpy_and_opendkim_verify_what_is_signed_with_both_kinds_of_key(content: str, tmp_path: Path) -> None:
    octets = sign(made(content), [RSA, ED25519], NOW)
    assert dkimpy(octets) == [True, True]
    assert opendkim.verify(octets, RECORDS, tmp_path) == [True, True]


def test_a_message_that_is_signed_already_keeps_its_signature(tmp_path: Path) -> None:
    octets = sign(sign(made(NEWSLETTER), [ED25519], NOW), [RSA], NOW)
    assert dkimpy(octets) == [True, True]
    assert opendkim.verify(octets, RECORDS, tmp_path) == [True, True]


@pytest.mark.parametrize(
    "change",
    [
        (b"Subject: Hello", b"Subject: Hallo"),
        (b"From: A", b"From: B"),
        (b"Feedback-ID: a", b"Feedback-ID: b"),
        (b"List-Unsubscribe: <https://example.com/u>", b"List-Unsubscribe: <https://example.org/u>"),
        (b"<td>", b"<th>"),
        (b"\r\nTo:", b"\r\nFrom: evil@example.org\r\nTo:"),
        (b"\r\nTo:", b"\r\nSubject: evil\r\nTo:"),
        (b"\r\nTo:", b"\r\nReply-To: evil@example.org\r\nTo:"),
        (b"\r\nTo:", b"\r\nCc: evil@example.org\r\nTo:"),
        (b"\r\nTo:", b"\r\nDate: now\r\nTo:"),
        (b"\r\nTo:", b"\r\nMessage-ID: <evil>\r\nTo:"),
        (b"\r\nTo:", b"\r\nList-Unsubscribe-Post: x\r\nTo:"),
        (b"From here", b"From there"),
    ],
)
def test_no_change_and_no_added_header_passes(change: tuple[bytes, bytes], tmp_path: Path) -> None:
    octets = sign(made(NEWSLETTER), [RSA, ED25519], NOW)
    assert change[0] in octets
    assert True not in opendkim.verify(octets.replace(*change, 1), RECORDS, tmp_path)


def test_what_relaxing_allows_passes(tmp_path: Path) -> None:
    octets = sign(made(NEWSLETTER), [RSA], NOW)
    relaxed = (
        octets.replace(b"  <td>  ", b"\t<td> ").replace(b"Subject: Hello\r\n\t", b"SUBJECT:   Hello ") + b"\r\n\r\n"
    )
    assert opendkim.verify(relaxed, RECORDS, tmp_path) == [True]


def test_the_signature_says_when_what_and_how_and_never_how_much() -> None:
    found = tags(sign(made(NEWSLETTER), [RSA], NOW + 0.9))
    assert found["c"] == "relaxed/relaxed"
    assert found["t"] == "1700000000"
    assert (found["d"], found["s"], found["a"]) == ("example.com", "rsa", "rsa-sha256")
    assert "l" not in found
    names = found["h"].split(":")
    assert {name: names.count(name) for name in names} == {
        "from": 2,
        "to": 2,
        "cc": 1,
        "subject": 2,
        "date": 2,
        "message-id": 2,
        "reply-to": 1,
        "list-unsubscribe": 2,
        "list-unsubscribe-post": 2,
        "mime-version": 1,
        "content-type": 1,
        "content-transfer-encoding": 1,
        "list-id": 1,
        "feedback-id": 1,
    }


def test_no_line_of_the_signature_is_long() -> None:
    long = Key("a-rather-long-label." * 6 + "example.com", "s" * 63, RSA.private)
    octets = sign(made("From: a@example.com\n" + "List-Archive: x\n" * 300 + "\nx\n"), [long], NOW)
    assert max(map(len, octets.split(b"\r\n"))) < 300


def test_the_message_itself_is_not_changed() -> None:
    octets = made(NEWSLETTER)
    assert sign(octets, [RSA], NOW).endswith(octets)
    assert sign(octets, [], NOW) == octets


@pytest.mark.parametrize("content", BODIES.values(), ids=BODIES.keys())
def test_signatures_may_be_made_elsewhere(content: str) -> None:
    octets = made(content)
    for signers in ([RSA], [RSA, ED25519], [], [ED25519, RSA]):
        begun = hashed(octets, signers, NOW)
        assert begun.signed([key.sign(digest) for key, digest in begun.digests]) == sign(octets, signers, NOW)


def test_a_message_wants_as_many_signatures_as_it_has_keys() -> None:
    with pytest.raises(ValueError, match="shorter"):
        hashed(made(NEWSLETTER), [RSA, ED25519], NOW).signed([b"one"])


def test_the_relaxed_vector_of_rfc_8463_is_met_to_the_octet() -> None:
    octets = crlf(MESSAGE.encode())
    section, _, body = octets.partition(b"\r\n\r\n")
    body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest())
    fields = relaxed_header(section + b"\r\n")
    signatures = [value for name, value in fields if name == b"dkim-signature"]
    private = [
        Ed25519PrivateKey.from_private_bytes(base64.b64decode(ED25519_SEED)),
        load_pem_private_key(RSA_KEY, None),
    ]
    for value, key in zip(signatures, private, strict=True):
        assert b"bh=" + body_hash in value
        listed = re.search(rb"h=([a-z: -]+);", value)
        assert listed is not None
        selected = dkim.select_headers(fields, [name.strip() for name in listed[1].split(b":")])
        bare, _, written = value.strip().rpartition(b"b=")
        digest = hashlib.sha256(
            b"".join(name + b":" + text for name, text in selected) + b"dkim-signature:" + bare + b"b="
        ).digest()
        assert Key("x", "x", key).sign(digest) == base64.b64decode(written.replace(b" ", b""))  # type: ignore[arg-type]


def test_the_body_of_rfc_6376_section_3_4_5_is_relaxed_as_printed() -> None:
    assert relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n") == b" C\r\nD E\r\n"
    assert relaxed_header(b"A: X\r\nB : Y\t\r\n\tZ  \r\n".replace(b"B ", b"B")) == [
        (b"a", b"X\r\n"),
        (b"b", b"Y Z\r\n"),
    ]


_TEXT = st.lists(st.sampled_from([b" ", b"\t", b"  ", b"\r\n", b"x", b".", b"\f", b"\v", b"\xfc", b"\0"]), max_size=40)


@fuzzed
@given(_TEXT.map(b"".join) | st.binary(max_size=200))
def test_fuzz_bodies_are_relaxed_as_dkimpy_does(content: bytes) -> None:
    body = crlf(content)
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@fuzzed
@given(st.lists(st.text("ab \t:ü", max_size=12).map(str.encode), min_size=1, max_size=6))
def test_fuzz_headers_are_relaxed_as_dkimpy_does(values: list[bytes]) -> None:
    section = b"".join(b"Na-Me:" + b"\r\n ".join(values[:count]) + b"\r\n" for count in range(1, len(values) + 1))
    assert relaxed_header(section) == Relaxed.canonicalize_headers(dkim.rfc822_parse(section)[0])


@fuzzed
@given(st.text(max_size=60), _TEXT.map(b"".join))
def test_fuzz_every_signature_verifies(subject: str, body: bytes) -> None:
    found = draft(
        f"From: a@example.com\nSubject: {subject}\n\n".encode(errors="replace") + body, job_id="j", accepted_at=NOW
    )
    if not isinstance(found, Draft):
        return
    octets = found.octets(eightbitmime=True)
    assert isinstance(octets, bytes)
    assert dkimpy(sign(octets, [ED25519], NOW)) == [True]
