"""New keys, their records, and what is found in the DNS."""

from pathlib import Path

import dns.rrset
import pytest

from mta.routing.resolver import Resolver
from mta.signing.key import Key, KeyFile, load
from mta.signing.published import Check, check, compare, generate, record
from tests import keys
from tests.nameserver import Fails, Nameserver, Script, serving

RSA = Key("example.com", "s1", keys.rsa())
ED25519 = Key("example.com", "s2", keys.ed25519())
SHORT = Key("example.com", "s1", keys.rsa(1024))
NAME = "s1._domainkey.example.com"


@pytest.mark.parametrize("ed25519", [False, True])
def test_a_new_key_can_be_loaded_and_is_its_owners_alone(tmp_path: Path, ed25519: bool) -> None:
    file = KeyFile("example.com", "s1", tmp_path / "s1.pem")
    made = generate(file, ed25519=ed25519)
    assert isinstance(made, Key)
    assert file.path.stat().st_mode & 0o777 == 0o600
    found = load(file)
    assert isinstance(found, Key)
    assert record(found) == record(made)
    assert found.algorithm == ("ed25519-sha256" if ed25519 else "rsa-sha256")


def test_a_new_key_never_replaces_one(tmp_path: Path) -> None:
    file = KeyFile("example.com", "s1", tmp_path / "s1.pem")
    generate(file, ed25519=True)
    before = file.path.read_bytes()
    assert "exists" in str(generate(file))
    assert file.path.read_bytes() == before


def test_a_key_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    assert "cannot be written" in str(
        generate(KeyFile("example.com", "s1", tmp_path / "none" / "s1.pem"), ed25519=True)
    )


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_a_record_is_the_one_verifiers_want_and_its_zone_line_gives_it_back(key: Key) -> None:
    made = record(key)
    assert (made.name, made.text) == keys.record(key)
    name, _, rest = made.zone_line.partition(" IN TXT ")
    [parsed] = dns.rrset.from_text(name, 300, "IN", "TXT", rest.strip("() "))
    assert b"".join(parsed.strings).decode() == made.text


def test_the_published_record_of_a_key_is_found_right() -> None:
    assert compare(RSA, record(RSA).text) == Check()
    assert compare(RSA, "k=rsa ; t=s; s=email:x; h=sha1:sha256; p=" + keys.record(RSA)[1].partition("p=")[2]) == Check()


@pytest.mark.parametrize(
    ("key", "text", "fault"),
    [
        (RSA, "v=spf1 -all", "no DKIM key record"),
        (RSA, record(RSA).text.replace("DKIM1", "DKIM2"), "no DKIM key record"),
        (RSA, "v=DKIM1; p=", "revoked"),
        (RSA, record(SHORT).text, "another key"),
        (ED25519, record(RSA).text, "of kind rsa, this one ed25519"),
        (RSA, record(RSA).text + "; h=sha1", "allows only sha1"),
        (RSA, record(RSA).text + "; s=tlsrpt", "is for tlsrpt"),
    ],
)
def test_what_keeps_verifiers_from_taking_a_signature_is_said(key: Key, text: str, fault: str) -> None:
    assert fault in " ".join(compare(key, text).faults)


@pytest.mark.parametrize(
    ("key", "extra", "note"),
    [(RSA, "; t=y:s", "t=y"), (SHORT, "", "1024 bits"), (ED25519, "", "RSA key too")],
)
def test_what_is_worth_knowing_is_said(key: Key, extra: str, note: str) -> None:
    found = compare(key, record(key).text + extra)
    assert found.faults == ()
    assert note in " ".join(found.notes)


@pytest.mark.parametrize(
    ("published", "faults"),
    [
        ({f"{NAME} TXT": tuple(f'"{record(RSA).text[:200]}" "{record(RSA).text[200:]}"'.split("\n"))}, ()),
        ({}, (f"nothing is published at {NAME}",)),
        ({f"{NAME} A": ("8.8.8.8",)}, (f"0 TXT records are published at {NAME}, where one is wanted",)),
        ({f"{NAME} TXT": ('"a"', '"b"')}, (f"2 TXT records are published at {NAME}, where one is wanted",)),
        (
            {f"{NAME} TXT": Fails("SERVFAIL")},
            (f"no nameserver could answer for {NAME} TXT: SERVFAIL",),
        ),
    ],
    ids=["right", "none", "no text", "two", "servfail"],
)
async def test_the_dns_is_asked(published: dict[str, Script], faults: tuple[str, ...]) -> None:
    async with serving(Nameserver(published)) as nameserver:
        assert await check(RSA, Resolver([nameserver.address])) == Check(faults)
