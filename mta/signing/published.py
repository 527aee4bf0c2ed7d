"""The public side of a signing key: making one, its DNS record, and whether that is what the world sees."""

import base64
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mta.attempt import Trouble
from mta.routing.answer import Dns, Failure
from mta.signing.key import Key, KeyFile

RSA_BITS = 2048
_STRING = 255  # octets in one string of a TXT record


@dataclass(frozen=True, slots=True)
class Record:
    """The TXT record that verifiers look up for a key: the name without a final dot, and the text as one string."""

    name: str
    text: str

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file, its text cut into strings that fit."""
        strings = " ".join(f'"{self.text[at : at + _STRING]}"' for at in range(0, len(self.text), _STRING))
        return f"{self.name}. IN TXT ( {strings} )"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found in the DNS. `faults` keep verifiers from taking the signatures; `notes` are worth knowing."""

    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def generate(file: KeyFile, *, ed25519: bool = False) -> Key | str:
    """Make a new key and write it where `file` says, readable by its owner only; or say why not. Replaces nothing."""
    private = Ed25519PrivateKey.generate() if ed25519 else generate_private_key(65537, RSA_BITS)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return f"{file.path} exists; a key is replaced under a new selector, so that mail on its way still verifies"
    except OSError as error:
        return f"{file.path} cannot be written: {error.strerror}"
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)
    return Key(file.domain, file.selector, private)


def record(key: Key) -> Record:
    """The record to publish for a key (RFC 6376 section 3.6.1; RFC 8463 section 4)."""
    return Record(f"{key.selector}._domainkey.{key.domain}", f"v=DKIM1; k={_kind(key)}; p={_public(key)}")


async def check(key: Key, dns: Dns) -> Check:
    """Compare a key with what is published for it."""
    name = record(key).name
    found = await dns.query(name, "TXT")
    if isinstance(found, Failure):
        missing = found.trouble is Trouble.NO_DOMAIN
        return Check((f"nothing is published at {name}" if missing else found.text,))
    texts = [b"".join(each.strings).decode(errors="replace") for each in found.records]
    if len(texts) != 1:
        return Check((f"{len(texts)} TXT records are published at {name}, where one is wanted",))
    return compare(key, texts[0])


def compare(key: Key, text: str) -> Check:
    """Compare a key with the text of a published record. Pure."""
    tags = {name.strip(): "".join(value.split()) for name, _, value in (tag.partition("=") for tag in text.split(";"))}
    if "p" not in tags or tags.get("v", "DKIM1") != "DKIM1":
        return Check(("what is published is no DKIM key record",))
    if not tags["p"]:
        return Check(("the published key is revoked (its p= is empty)",))
    faults = []
    if tags.get("k", "rsa") != _kind(key):
        faults.append(f"the published key is of kind {tags.get('k', 'rsa')}, this one {_kind(key)}")
    elif tags["p"] != _public(key):
        faults.append("another key is published")
    if "sha256" not in tags.get("h", "sha256").split(":"):
        faults.append(f"the published record allows only {tags['h']} for hashing")
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        faults.append(f"the published key is for {tags['s']} and not for mail")
    return Check(tuple(faults), _notes(key, tags.get("t", "")))


def _notes(key: Key, flags: str) -> tuple[str, ...]:
    notes = []
    if "y" in flags.split(":"):
        notes.append("the record says t=y: verifiers treat the mail as unsigned while you test")
    if isinstance(key.private, RSAPrivateKey) and key.private.key_size < RSA_BITS:
        notes.append(f"the key has {key.private.key_size} bits; {RSA_BITS} are advised (RFC 8301 section 3.2)")
    if isinstance(key.private, Ed25519PrivateKey):
        notes.append("not every verifier knows Ed25519: sign with an RSA key too")
    return tuple(notes)


def _kind(key: Key) -> str:
    return "rsa" if isinstance(key.private, RSAPrivateKey) else "ed25519"


def _public(key: Key) -> str:
    if isinstance(key.private, RSAPrivateKey):
        octets = key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        octets = key.private.public_key().public_bytes_raw()
    return base64.b64encode(octets).decode()
