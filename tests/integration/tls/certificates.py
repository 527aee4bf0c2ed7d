"""Certificates of every kind, on a server's side and as TLSA records."""

import datetime
import hashlib
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mta.smtp.tls import context

PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
KNOWN, UNKNOWN = trustme.CA(), trustme.CA()
"""The authority that the system trusts while `trusting` lasts, and another."""


@cache
def chain(kind: str, name: str) -> bytes:
    """A key and the certificates that a server shows for it, PEM, the authority's own last."""
    match kind:
        case "good" | "no cipher" | "anchor kept back":
            shown = _issued(KNOWN, name)
        case "wrong name":
            shown = _issued(KNOWN, f"not-{name}")
        case "expired":
            shown = _issued(KNOWN, name, PAST)
        case "unknown authority":
            shown = _issued(UNKNOWN, name)
        case "self-signed":
            shown = _self_signed(name)
        case _:
            raise AssertionError(kind)
    return shown[: shown.rindex(b"-----BEGIN")] if kind == "anchor kept back" else shown


def served(kind: str, name: str) -> ssl.SSLContext:
    """A server's side that shows that chain."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(chain(kind, name))
        file.flush()
        made.load_cert_chain(file.name)
    if kind == "no cipher":  # none that goes with its key
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    return made


def ders(kind: str, name: str) -> list[bytes]:
    return [each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(chain(kind, name))]


def tlsa(fields: str, der: bytes) -> str:
    """The record "usage selector matching" that names a certificate."""
    _, selector, matching = fields.split()
    subject = der
    if selector == "1":
        key = x509.load_der_x509_certificate(der).public_key()
        subject = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if matching != "0":
        subject = hashlib.new("sha512" if matching == "2" else "sha256", subject).digest()
    return f"{fields} {subject.hex()}"


@contextmanager
def trusting() -> Iterator[None]:
    """The system trusts `KNOWN`, and nobody else."""
    before = os.environ.get("SSL_CERT_FILE")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "authority.pem"
        KNOWN.cert_pem.write_to_path(path)
        os.environ["SSL_CERT_FILE"] = str(path)
        context.cache_clear()
        try:
            yield
        finally:
            os.environ.pop("SSL_CERT_FILE")
            os.environ.update({} if before is None else {"SSL_CERT_FILE": before})
            context.cache_clear()


def _issued(authority: trustme.CA, name: str, not_after: datetime.datetime | None = None) -> bytes:
    leaf = authority.issue_cert(name, not_after=not_after)
    return leaf.private_key_and_cert_chain_pem.bytes() + authority.cert_pem.bytes()


def _self_signed(name: str) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return secret + made.public_bytes(Encoding.PEM)
