"""Up to eight RSA signatures at once with Intel's Cryptography Primitives (crypto_mb), where the extra `multibuffer` is
installed and the CPU has AVX512-IFMA: eight of RSA-2048 cost what less than three do one by one, with the check of each.

Everywhere else `Key.sign` makes them, and only the speed tells: signatures by RFC 8017 section 8.2 are deterministic.
"""

import ctypes
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mta.signing.key import Key

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


class Library(NamedTuple):
    """mbx_rsa_private_crt_mb8 and mbx_rsa_public_mb8 of crypto_mb/rsa.h: the private operation and the public one in eight
    lanes; one with a null pointer is left out."""

    private: Raw
    public: Raw


_Pointers = ctypes.c_void_p * LANES


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A key as the library takes it: p, q, d mod p-1, d mod q-1, 1/q mod p and the modulus in `octets`, and where each
    begins."""

    bits: int
    octets: "ctypes.Array[ctypes.c_char]"
    places: tuple[int, ...]
    modulus: int


_Lane = tuple[int, _Numbers, bytes]  # the place among all that is wanted, whose signature, of which digest
_known: WeakKeyDictionary[Key, _Numbers] = WeakKeyDictionary()


@lru_cache(maxsize=1)
def library() -> Library | str:
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
    found = Library(loaded.mbx_rsa_private_crt_mb8, loaded.mbx_rsa_public_mb8)
    for raw, pointers in zip(found, (7, 3), strict=True):
        raw.argtypes = [*[_Pointers] * pointers, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]  # type: ignore[attr-defined]
        raw.restype = ctypes.c_uint32  # type: ignore[attr-defined]
    return found


def sign_together(wanted: Sequence[tuple[Key, bytes]], found: Library | str | None = None) -> list[bytes]:
    """The signature of each SHA-256 digest by its key. Safe in several threads at once.

    `found`: what signs in eight lanes, or why nothing does; None is `library()`.
    """
    found = library() if found is None else found
    made = {} if isinstance(found, str) else _made(wanted, found)
    return [made.get(place) or key.sign(digest) for place, (key, digest) in enumerate(wanted)]


def _made(wanted: Sequence[tuple[Key, bytes]], found: Library) -> dict[int, bytes]:
    """The signatures that are worth a call and came out right, by their places in `wanted`."""
    sizes: dict[int, list[_Lane]] = defaultdict(list)
    for place, (key, digest) in enumerate(wanted):
        if (numbers := _numbers(key)) is not None:
            sizes[numbers.bits].append((place, numbers, digest))
    made: dict[int, bytes] = {}
    for bits, lanes in sizes.items():
        for start in range(0, len(lanes), LANES):
            if len(lanes) - start >= FEWEST[bits]:
                made |= _call(lanes[start : start + LANES], found)
    return made


def _call(lanes: Sequence[_Lane], found: Library) -> dict[int, bytes]:
    """One call for up to eight lanes of one size. All that it writes to is its own.

    Only what the public operation leads back to what was given may be shown: a signature that a fault made wrong modulo
    only one of p and q tells everybody the other (Boneh, DeMillo, Lipton: On the Importance of Checking Cryptographic
    Protocols for Faults, EUROCRYPT '97). This is done here and not by `cryptography`, because each call that frees the GIL
    has to wait for it again afterwards.
    """
    bits = lanes[0][1].bits
    size = bits // 8
    before = b"\0\1" + b"\xff" * (size - 3 - len(_SHA256) - 32) + b"\0" + _SHA256  # RFC 8017 section 9.2
    blocks = b"".join([before + digest for _, _, digest in lanes])
    given = ctypes.create_string_buffer(blocks, len(blocks))
    made, back = (ctypes.create_string_buffer(len(blocks)) for _ in range(2))
    starts = range(0, len(blocks), size)
    ends = [_Pointers(*[ctypes.addressof(buffer) + start for start in starts]) for buffer in (given, made, back)]
    parts = [_Pointers(*part) for part in zip(*[numbers.places for _, numbers, _ in lanes], strict=True)]
    moduli = _Pointers(*[numbers.modulus for _, numbers, _ in lanes])
    # With null for its method and scratch memory the library takes its own. Its status is not asked: `back` knows more.
    found.private(*ends[:2], *parts, bits, None, None)
    found.public(*ends[1:], moduli, bits, None, None)
    signatures, checked = made.raw, back.raw
    return {
        place: signatures[start : start + size]
        for (place, _, _), start in zip(lanes, starts, strict=True)
        if checked[start : start + size] == blocks[start : start + size]
    }


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
    if {number.p.bit_length(), number.q.bit_length()} != {bits // 2} or number.public_numbers.e != 65537:
        return None  # the library wants factors of one length, and this exponent
    five = (number.p, number.q, number.dmp1, number.dmq1, number.iqmp)
    written = [each.to_bytes(size, "little") for each in five] + [number.public_numbers.n.to_bytes(2 * size, "little")]
    octets = ctypes.create_string_buffer(b"".join(written))
    first = ctypes.addressof(octets)
    return _Numbers(bits, octets, tuple(range(first, first + 5 * size, size)), first + 5 * size)
