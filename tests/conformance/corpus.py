"""The mails of the conformance run: CPython's own test messages, the mails of tests/mails, and made ones at the edges of
what is legal and just beyond."""

import importlib.util
import random
from base64 import encodebytes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
SENDER = "bounce@sender.example"

_HEAD = b"From: Sender <news@sender.example>\nTo: reader@receiver.example\nSubject: %s\nDate: Tue, 04 Mar 2025 10:00:00 +0000\n"
_TEXT = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"


@dataclass(frozen=True, slots=True)
class Specimen:
    """One mail, and the envelope it travels in. `{}` in the recipient becomes the mail's number."""

    name: str
    content: bytes
    sender: str = SENDER
    rcpt: str = "m{}@receiver.example"


def corpus() -> list[Specimen]:
    """Every mail, the big ones last."""
    return [*_cpython(), *_tests(), *_made(), *_big()]


def _cpython() -> Iterator[Specimen]:
    """The messages that CPython's email package is tested with; Debian keeps them in libpython3.11-testsuite."""
    found = importlib.util.find_spec("test")
    homes = [Path(each) / "test_email" / "data" for each in (found.submodule_search_locations or ())] if found else []
    homes.append(TESTS.parent / "build" / "cpython" / "data")
    home = next((each for each in homes if each.is_dir()), None)
    if home is None:
        raise RuntimeError("CPython's test messages are missing; fetch them with: tests/services/install")
    for path in sorted(home.glob("msg_*.txt")):
        yield Specimen(f"cpython/{path.stem}", path.read_bytes())


def _tests() -> Iterator[Specimen]:
    for path in sorted((TESTS / "mails").glob("*.eml")):
        rcpt = "m{}.zoë@receiver.example" if path.stem == "utf8-headers" else "m{}@receiver.example"
        # As a campaign would: an address that is still a placeholder is completed or refused by some servers.
        content = path.read_bytes().replace(b"{email}", b"reader@receiver.example")
        yield Specimen(f"mails/{path.stem}", content, rcpt=rcpt)


def _made() -> Iterator[Specimen]:
    for name, (head, body) in _bodies().items():
        yield Specimen(f"made/{name}", _HEAD % name.encode() + head + b"\n" + body)
    for name, section in _headers().items():
        yield Specimen(f"made/{name}", section + b"\nThe header is the point.\n")
    plain = _HEAD % b"an envelope" + b"\nThe envelope is the point.\n"
    yield Specimen("made/null sender", plain, sender="")
    yield Specimen("made/quoted local part", plain, rcpt='"m{} (of a reader)"@receiver.example')
    yield Specimen("made/longest local part", plain, rcpt="m{}." + "l" * 59 + "@receiver.example")
    yield Specimen("made/IDN recipient", plain, rcpt="m{}@bücher.example")
    yield Specimen("made/UTF-8 recipient", plain, rcpt="m{}.žluťoučký@receiver.example")
    yield Specimen("made/UTF-8 sender", plain, sender="отправитель@sender.example")
    yield Specimen("made/recipient with a line end", plain, rcpt="m{}@receiver.example>\r\nRCPT TO:<x@receiver.example")
    yield Specimen("made/recipient with a NUL", plain, rcpt="m{}\0@receiver.example")
    yield Specimen("made/recipient without a domain", plain, rcpt="m{}")


def _bodies() -> dict[str, tuple[bytes, bytes]]:
    """Header lines and body by name."""
    mixed = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
    latin = b"Gr\xfc\xdfe aus K\xf6ln\n"
    utf8 = "Grüße, žluťoučký kůň, 春の便り\n".encode()
    part = b"--b\n" + _TEXT[18:] + b"\n" + utf8
    binary = b"--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n"
    every = bytes(range(256))
    return {
        "first line a dot": (b"", b".\nafter it\n"),
        "last line a dot": (b"", b"before it\n."),
        "dots only": (b"", b".\n..\n...\n....\n"),
        "dots and commands": (b"", b".\nQUIT\n\n.\nMAIL FROM:<a@b.example>\n..\n"),
        "bare CR about a dot": (b"", b"a\r.\rMAIL FROM:<a@b.example>\r.\r"),
        "LF dot CRLF": (b"", b"a\n.\r\nMAIL FROM:<a@b.example>\r\n"),
        "CR CR LF": (b"", b"a\r\r\nb\r\r\n.\r\r\nc\n\rd"),
        "bare CR ends every line": (b"", b"one\rtwo\rthree\r"),
        "CRLF and LF mixed": (b"", b"one\r\ntwo\nthree\r\n\nfour"),
        "only empty lines": (b"", b"\n\n\n\n"),
        "empty lines at the end": (b"", b"text\n\n\n\n\n"),
        "blanks at line ends": (b"", b"text \t \n \n\t\n  indented\n\ttabbed\n"),
        "lines of From": (b"", b"From me\n>From you\nFrom \n"),
        "control characters": (b"", b"form\x0cfeed\x0b, bell\x07, escape\x1b[31m, delete\x7f\n"),
        "lines of 998 octets": (b"", b"".join(b"%s\n" % (each * 998) for each in (b"a", b".", b" ", b"="))),
        "a line of 999 octets": (b"", b"short\n" + b"b" * 999 + b"\nshort\n"),
        "a line of 100000 octets": (b"MIME-Version: 1.0\nContent-Type: text/html\n", b"<p>" + b"long line " * 10000),
        "a long line of dots": (b"", b"." * 5000 + b"\n"),
        "a long line of base64": (
            b"MIME-Version: 1.0\nContent-Type: image/png\nContent-Transfer-Encoding: base64\n",
            encodebytes(every * 16).replace(b"\n", b"") + b"\n",
        ),
        "NULs in a text": (b"", b"before\0after\n\0\n\0\0\n"),
        "NULs in a part": (mixed, part + binary + every.replace(b"\r", b"").replace(b"\n", b"") + b"\n--b--\n"),
        "8-bit text without MIME": (b"", latin),
        "UTF-8 text without MIME": (b"", utf8),
        "UTF-8 text": (_TEXT, utf8 * 20),
        "8-bit lines of 998 octets": (_TEXT, b"".join("é".encode() * 499 + b"\n" for _ in range(3))),
        "8-bit line of 1000 octets": (_TEXT, "é".encode() * 500 + b"\n"),
        "8-bit binary part": (mixed, part + binary + b"\x80\xff" * 300 + b"\n--b--\n"),
        "8-bit message in a message": (
            mixed,
            b"--b\nContent-Type: message/rfc822\n\nFrom: a@b.example\n" + _TEXT + b"\n" + utf8 + b"--b--\n",
        ),
        "8-bit in a nested multipart": (
            mixed,
            b"--b\nContent-Type: multipart/alternative; boundary=c\n\n"
            + part.replace(b"--b", b"--c")
            + b"--c--\n--b--\n",
        ),
        "8-bit before the parts": (mixed, utf8 + part + b"--b--\n"),
        "8-bit header of a part": (mixed, "--b\nContent-Type: text/plain; name=é\n\ntext\n--b--\n".encode()),
        "8-bit signed part": (
            b'MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b; protocol="application/pgp-signature"\n',
            part + b"--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n",
        ),
        "long line in a signed part": (
            b'MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b; protocol="application/pgp-signature"\n',
            b"--b\n\n" + b"s" * 2000 + b"\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n",
        ),
        "a delivery report": (
            b"MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n",
            b"--b\n\nIt did not arrive.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n"
            b"Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n",
        ),
        "300 parts": (mixed, b"".join(b"--b\n\npart %d\n" % index for index in range(300)) + b"--b--\n"),
        "no last delimiter": (mixed, part),
        "signed by another": (
            b"DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=other.example; s=x; h=from; bh=AAAA; b=AAAA\n",
            b"text\n",
        ),
    }


def _headers() -> dict[str, bytes]:
    """Header sections by name."""
    head = _HEAD % b"a header"
    return {
        "UTF-8 subject": _HEAD % "Grüße – 春の便り".encode(),
        "UTF-8 author": _HEAD.replace(b"Sender <news@", "Zoë <zoë@".encode()) % b"UTF-8 author",
        "IDN author": "From: a@bücher.example\nSubject: IDN author\n".encode(),
        "encoded words": _HEAD % b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?b?w6nDqQ==?=",
        "no Date and no Message-ID": b"From: a@sender.example\nTo: b@receiver.example\n",
        "a header line of 998 octets": head + b"X-Long: " + b"h" * 990 + b"\n",
        "a header line of 999 octets": head + b"X-Long: " + b"h" * 991 + b"\n",
        "a header of 60 kB": head
        + b"X-Folded: a\n"
        + b" folded over many lines, each of them like the others\n" * 1100,
        "a header of 300 kB": head
        + b"X-Folded: a\n"
        + b" folded over many lines, each of them like the others\n" * 6000,
        "400 fields": head + b"".join(b"X-Field-%d: %d\n" % (index, index) for index in range(400)),
        "odd field names": head + b"X-!#$%&'*+-.^_`|~: odd\nx: short\n",
        "empty and folded fields": head + b"X-Empty:\nX-Folded:\n \tfolded\n\t twice\n",
        "line ends of every kind": head.replace(b"\n", b"\r\n") + b"X-A: 1\rX-B: 2\nX-C: 3\r\n",
        "a NUL in the header": head + b"X-Nul: a\0b\n",
        "Latin-1 in the header": head + b"X-Latin: Gr\xfc\xdfe\n",
        "two subjects": head + b"Subject: another\n",
        "two authors without a sender": b"From: a@sender.example, b@sender.example\n",
        "no author": head.replace(b"From:", b"X-From:"),
        "no colon": head + b"no field\n",
        "a blank before the colon": head + b"X-Blank : a\n",
    }


def _big() -> Iterator[Specimen]:
    rng = random.Random(1)
    megabyte = encodebytes(rng.randbytes(775_000))
    attached = b"MIME-Version: 1.0\nContent-Type: application/zip\nContent-Transfer-Encoding: base64\n"
    yield Specimen("made/1 MB in 8-bit", _HEAD % b"1 MB" + _TEXT + b"\n" + ("Grüße. " * 9 + "\n").encode() * 11000)
    yield Specimen("made/25 MB", _HEAD % b"25 MB" + attached + b"\n" + megabyte * 25)
