"""Signing keys: read from PEM files, checked, parsed once."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MIN_BITS = 1024
"""RFC 8301 section 3.2: signers must not use shorter RSA keys, and should use 2048 bits."""

_PADDING = PKCS1v15()
_PREHASHED = Prehashed(SHA256())
"""How RSA signatures are made of SHA-256 digests (RFC 6376 section 3.3.1)."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """Where the key of a domain (A-form) and selector is kept: one `[[dkim]]` of the configuration."""

    domain: str
    selector: str
    path: Path

    def __str__(self) -> str:
        return f"{self.domain}/{self.selector}"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Key:
    """A key ready to sign. Never printed: its `repr` names domain and selector only."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey
    algorithm: str = field(init=False)
    """The a= tag (RFC 6376 section 3.3, RFC 8463 section 3)."""
    bits: int = field(init=False)
    """Of the modulus, or of the curve."""

    def __post_init__(self) -> None:
        match self.private:  # asked once, not with every message
            case RSAPrivateKey() as private:
                algorithm, bits = "rsa-sha256", private.key_size
            case _:
                algorithm, bits = "ed25519-sha256", 256
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "bits", bits)

    def __repr__(self) -> str:
        return f"Key({self.domain}/{self.selector}, {self.algorithm})"

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest."""
        if isinstance(self.private, RSAPrivateKey):
            return self.private.sign(digest, _PADDING, _PREHASHED)
        return self.private.sign(digest)  # RFC 8463 section 3: PureEdDSA over the digest


def load(file: KeyFile) -> Key | str:
    """The key in `file`, or what is wrong with it and how to mend that."""
    try:
        with file.path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            pem = opened.read(65536)
    except OSError as error:
        return f"DKIM key {file.path} of {file} cannot be read: {error.strerror}; check the path and its owner"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"DKIM key {file.path} of {file} can be written by group or world; mend it with: chmod go-w {file.path}"
    private = _private(pem)
    if isinstance(private, str):
        return f"DKIM key {file.path} of {file} {private}"
    return Key(file.domain, file.selector, private)


def _private(pem: bytes) -> RSAPrivateKey | Ed25519PrivateKey | str:
    try:
        private = load_pem_private_key(pem, password=None)
    except TypeError:
        return "is encrypted; store it without a passphrase, readable by the worker's user only"
    except (ValueError, UnsupportedAlgorithm):
        return "is no PEM private key (PKCS#1 or PKCS#8); make one with: campaign-mta dkim keygen"
    match private:
        case RSAPrivateKey() if private.key_size < MIN_BITS:
            return f"has {private.key_size} bits, of which verifiers take none under {MIN_BITS}; make one of 2048 bits"
        case RSAPrivateKey() | Ed25519PrivateKey():
            return private
        case _:
            return "is neither RSA nor Ed25519, the only kinds that DKIM knows"
