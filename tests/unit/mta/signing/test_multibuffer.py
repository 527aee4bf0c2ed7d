"""Signatures made together are the ones that `cryptography` makes, whatever happens to those who make them."""

import ctypes
import gc
import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from mta.signing import multibuffer
from mta.signing.key import Key
from mta.signing.multibuffer import LANES, Library, Raw, library, sign_together
from tests import keys

KEYS = [
    Key("example.com", "a", keys.rsa()),
    Key("example.com", "b", keys.rsa()),
    Key("example.org", "c", keys.rsa(3072)),
    Key("example.org", "d", keys.rsa(4096)),
    Key("example.org", "e", keys.ed25519()),
]
OLD = Key("example.net", "old", keys.rsa(1024))
Wanted = list[tuple[Key, bytes]]


def digests(count: int, signers: list[Key] = KEYS) -> Wanted:
    return [(signers[at % len(signers)], hashlib.sha256(b"%d" % at).digest()) for at in range(count)]


def one_by_one(wanted: Wanted) -> list[bytes]:
    return [key.sign(digest) for key, digest in wanted]


@pytest.fixture
def lanes() -> Library:
    found = library()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.mark.parametrize("count", [*range(18), 40])
def test_without_the_library_they_are_those_of_cryptography(count: int) -> None:
    assert sign_together(digests(count), "not wanted") == one_by_one(digests(count))


@pytest.mark.parametrize("count", [*range(18), 40])
@pytest.mark.parametrize("signers", [KEYS, KEYS[:2], KEYS[2:3], KEYS[3:4], [OLD]], ids=repr)
def test_with_the_library_they_are_those_of_cryptography(count: int, signers: list[Key], lanes: Library) -> None:
    assert sign_together(digests(count, signers), lanes) == one_by_one(digests(count, signers))


def test_it_is_the_library_that_makes_them_up_to_eight_at_once_and_of_one_size(lanes: Library) -> None:
    calls = []

    def counted(*given: Any) -> int:
        calls.append((given[7], sum(pointer is not None for pointer in given[0])))
        return lanes.private(*given)

    signers = zip(KEYS[:1] + KEYS[2:] + [OLD], (19, 6, 4, 8, 8), strict=True)
    wanted = [each for key, count in signers for each in digests(count, [key])]
    assert sign_together(wanted, Library(counted, lanes.public)) == one_by_one(wanted)
    assert calls == [(2048, 8), (2048, 8), (2048, 3), (3072, 6)]


def nothing(*given: Any) -> int:
    return 0


def noise(*given: Any) -> int:
    size = given[-3] // 8
    for start in given[1]:
        if start is not None:
            ctypes.memmove(start, b"\x5a" * size, size)
    return 0


@pytest.mark.parametrize("private", [nothing, noise])
@pytest.mark.parametrize("public", [nothing, noise])
def test_what_comes_out_wrong_is_made_again(private: Raw, public: Raw) -> None:
    assert sign_together(digests(17), Library(private, public)) == one_by_one(digests(17))


@pytest.mark.parametrize("public", [nothing, noise])
def test_what_cannot_be_checked_is_made_again(public: Raw, lanes: Library) -> None:
    assert sign_together(digests(17), Library(lanes.private, public)) == one_by_one(digests(17))


@pytest.mark.parametrize("lane", range(LANES))
def test_a_fault_that_would_give_the_key_away_never_leaves(lane: int, lanes: Library) -> None:
    """A bit of p flips on the way: the signature is right modulo q only, and whoever sees it can compute q."""
    wanted = digests(LANES, KEYS[:1])
    right = one_by_one(wanted)
    made = []

    def faulty(*given: Any) -> int:
        p = bytearray(ctypes.string_at(given[2][lane], 128))
        p[5] ^= 2
        held = ctypes.create_string_buffer(bytes(p))
        given[2][lane] = ctypes.addressof(held)
        lanes.private(*given)
        made.extend(ctypes.string_at(out, 256) for out in given[1])
        return 0

    assert sign_together(wanted, Library(faulty, lanes.public)) == right
    assert [at for at in range(LANES) if made[at] != right[at]] == [lane]
    assert isinstance(KEYS[0].private, RSAPrivateKey)
    numbers = KEYS[0].private.private_numbers()
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    slip = pow(int.from_bytes(made[lane]), e, n) - pow(int.from_bytes(right[lane]), e, n)
    assert math.gcd(slip, n) == numbers.q


def test_two_threads_sign_at_once(lanes: Library) -> None:
    batches = [digests(count) for count in (16, 17) for _ in range(20)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(sign_together, batches)) == [one_by_one(batch) for batch in batches]


def test_the_numbers_of_a_key_go_with_it() -> None:
    key = Key("example.com", "gone", keys.rsa())
    sign_together(digests(3, [key]), Library(nothing, nothing))
    assert key in multibuffer._known
    before = len(multibuffer._known)
    del key
    gc.collect()
    assert len(multibuffer._known) == before - 1


def test_why_it_is_not_in_use_is_said_in_words() -> None:
    found = library()
    assert found is library()
    assert not isinstance(found, str) or found.startswith(("the extra multibuffer ", "this CPU "))
