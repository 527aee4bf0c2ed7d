"""Up to eight RSA signatures at once with Intel's Cryptography Primitives (crypto_mb), where the extra `multibuffer` is
installed and the CPU has AVX512-IFMA: eight of RSA-2048 cost what three do one by one, with the check of each.

Everywhere else `Key.sign` makes them, and only the speed tells: signatures by RFC 8017 section 8.2 are deterministic.
"""

import ctypes
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from mta.signing.key import PADDING, PREHASHED, Key

LANES = 8
FEWEST = {2048: 3, 3072: 6, 4096: 5}
"""Bits of the moduli it is used for, and how many signatures are worth a call, which takes as long for one lane as for eight
(measured on a Xeon of 2023)."""

_FILES = ("libintlc.so.5", "libirng.so", "libimf.so", "libsvml.so", "libcrypto_mb.so.13")

_NEEDED = 1 << 39 | 1 << 20 | 1 << 25 | 1 << 24 | 1 << 32 | 1 << 37 | 1 << 33
"""MBX_AVX512_GENERAL_ISA of crypto_mb/cpu_features.h: BMI2, AVX512F, DQ, BW, IFMA and VBMI2, and a kernel that knows them.
The library has a way without AVX512 too, which nobody here has measured."""

_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""The DER of a DigestInfo up to the digest (RFC 8017 section 9.2, note 1)."""

ABSENT = "the extra multibuffer is not installed"

Raw = Callable[..., int]
"""mbx_rsa_private_crt_mb8 of crypto_mb/rsa.h: the private operation in eight lanes; one with a null pointer is left out."""

_Pointers = ctypes.c_void_p * LANES


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A key as the library takes it: p, q, d mod p-1, d mod q-1 and 1/q mod p in `octets`, and where each begins."""

    bits: int
    public: RSAPublicKey
    octets: "ctypes.Array[ctypes.c_char]"
    places: tuple[int, ...]


_Lane = tuple[int, _Numbers, bytes]  # the place among all that is wanted, whose signature, of which digest
_known: WeakKeyDictionary[Key, _Numbers] = WeakKeyDictionary()


@lru_cache(maxsize=1)
def library() -> Raw | str:
    """What signs in eight lanes, looked for once; or why it is not in use."""
    folder = Path(sys.prefix, "lib")  # where pip puts what a wheel has beside its modules
    if not (folder / _FILES[-1]).exists():
        return ABSENT
    try:
        # The libraries do not say where the others are, so these come first. CDLL frees the GIL during a call.
        *_, loaded = [ctypes.CDLL(str(folder / name)) for name in _FILES]
    except OSError as error:
        return f"the extra multibuffer cannot be loaded: {error}"
    loaded.mbx_get_cpu_features.restype = ctypes.c_uint64
    if loaded.mbx_get_cpu_features() & _NEEDED != _NEEDED:
        return "this CPU has no AVX512-IFMA"
    raw = loaded.mbx_rsa_private_crt_mb8
    raw.argtypes = [*[_Pointers] * 7, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    raw.restype = ctypes.c_uint32
    return raw


def sign_together(wanted: Sequence[tuple[Key, bytes]], raw: Raw | str | None = None) -> list[bytes]:
    """The signature of each SHA-256 digest by its key. Safe in several threads at once.

    `raw`: what signs in eight lanes, or why nothing does; None is `library()`.
    """
    raw = library() if raw is None else raw
    made = {} if isinstance(raw, str) else _made(wanted, raw)
    return [made.get(place) or key.sign(digest) for place, (key, digest) in enumerate(wanted)]


def _made(wanted: Sequence[tuple[Key, bytes]], raw: Raw) -> dict[int, bytes]:
    """The signatures that are worth a call and came out right, by their places in `wanted`."""
    sizes: dict[int, list[_Lane]] = defaultdict(list)
    for place, (key, digest) in enumerate(wanted):
        if (numbers := _numbers(key)) is not None:
            sizes[numbers.bits].append((place, numbers, digest))
    made: dict[int, bytes] = {}
    for bits, lanes in sizes.items():
        for start in range(0, len(lanes), LANES):
            if len(lanes) - start >= FEWEST[bits]:
                made |= _call(lanes[start : start + LANES], raw)
    return made


def _call(lanes: Sequence[_Lane], raw: Raw) -> dict[int, bytes]:
    """One call for up to eight lanes of one size. All that it writes to is its own."""
    bits = lanes[0][1].bits
    size = bits // 8
    before = b"\0\1" + b"\xff" * (size - 3 - len(_SHA256) - 32) + b"\0" + _SHA256  # RFC 8017 section 9.2
    given = ctypes.create_string_buffer(b"".join([before + digest for _, _, digest in lanes]))
    taken = ctypes.create_string_buffer(size * len(lanes))
    starts = range(0, len(taken), size)
    ends = [[ctypes.addressof(buffer) + start for start in starts] for buffer in (given, taken)]
    parts = zip(*[numbers.places for _, numbers, _ in lanes], strict=True)
    # With null for its method and scratch memory the library takes its own. Its status is not asked: `_right` knows more.
    raw(*[_Pointers(*each) for each in (*ends, *parts)], bits, None, None)
    whole = taken.raw
    made = zip(lanes, [whole[start : start + size] for start in starts], strict=True)
    return {place: each for (place, numbers, digest), each in made if _right(numbers.public, digest, each)}


def _right(public: RSAPublicKey, digest: bytes, signature: bytes) -> bool:
    """Whether a signature may be shown: one that a fault made wrong modulo only one of p and q tells everybody the other
    (Boneh, DeMillo, Lipton: On the Importance of Checking Cryptographic Protocols for Faults, EUROCRYPT '97)."""
    try:
        public.verify(signature, digest, PADDING, PREHASHED)
    except InvalidSignature:
        return False
    return True


def _numbers(key: Key) -> _Numbers | None:
    """A key's numbers, laid out when first wanted and as long as the key lives; None: the library does not take it."""
    found = _known.get(key)
    if found is None and (found := _laid_out(key)) is not None:
        _known[key] = found
    return found


def _laid_out(key: Key) -> _Numbers | None:
    if not isinstance(key.private, RSAPrivateKey) or (bits := key.private.key_size) not in FEWEST:
        return None
    number, size = key.private.private_numbers(), bits // 16
    if {number.p.bit_length(), number.q.bit_length()} != {bits // 2}:
        return None  # the library wants factors of one length
    five = (number.p, number.q, number.dmp1, number.dmq1, number.iqmp)
    octets = ctypes.create_string_buffer(b"".join([each.to_bytes(size, "little") for each in five]))
    first = ctypes.addressof(octets)
    return _Numbers(bits, key.private.public_key(), octets, tuple(range(first, first + 5 * size, size)))
