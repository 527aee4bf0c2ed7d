"""Signing keys for tests, and the records that verifiers find for them."""

import base64
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mta.signing.key import Key


def rsa(bits: int = 2048) -> RSAPrivateKey:
    return generate_private_key(65537, bits)


def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def pem(private: RSAPrivateKey | Ed25519PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return private.private_bytes(Encoding.PEM, form, NoEncryption())


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def record(key: Key) -> tuple[str, str]:
    """Name and text of the record that verifiers look up for a key (RFC 6376 section 3.6.1, RFC 8463 section 4)."""
    public = key.private.public_key()
    if key.algorithm == "rsa-sha256":
        kind, octets = "rsa", public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        kind, octets = "ed25519", public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return (
        f"{key.selector}._domainkey.{key.domain}",
        f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}",
    )
