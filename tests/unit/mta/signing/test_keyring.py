"""Keys: which are taken, which are refused and how that is said, which sign what."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as ec_key
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from mta.signing.key import Key, KeyFile, load
from mta.signing.keyring import RECHECK, Keyring, NoKey
from mta.signing.signature import sign
from mta.signing.signer import Signer
from tests import keys

RSA, OTHER, ED25519 = keys.rsa(1024), keys.rsa(1024), keys.ed25519()


def file(path: Path, domain: str = "example.com", selector: str = "s1") -> KeyFile:
    return KeyFile(domain, selector, path)


def loaded(tmp_path: Path, content: bytes, mode: int = 0o600) -> Key | str:
    return load(file(keys.write(tmp_path / "key.pem", content, mode)))


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_rsa_keys_are_read_in_both_forms(tmp_path: Path, form: PrivateFormat) -> None:
    key = loaded(tmp_path, keys.pem(RSA, form))
    assert isinstance(key, Key)
    assert key.algorithm == "rsa-sha256"


def test_ed25519_keys_are_read(tmp_path: Path) -> None:
    key = loaded(tmp_path, keys.pem(ED25519))
    assert isinstance(key, Key)
    assert key.algorithm == "ed25519-sha256"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_key_that_others_can_write_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    fault = loaded(tmp_path, keys.pem(RSA), mode)
    assert fault == (
        f"DKIM key {tmp_path}/key.pem of example.com/s1 can be written by group or world; "
        f"mend it with: chmod go-w {tmp_path}/key.pem"
    )


def test_a_key_of_under_1024_bits_is_refused(tmp_path: Path) -> None:
    short = (Path(__file__).parent / "rsa512.pem").read_bytes()
    fault = loaded(tmp_path, short)
    assert isinstance(fault, str)
    assert "has 512 bits" in fault
    assert "make one of 2048 bits" in fault


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    secret = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    assert "is encrypted" in str(loaded(tmp_path, secret))


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    content = keys.pem(ec_key(SECP256R1()))  # type: ignore[arg-type]
    assert "neither RSA nor Ed25519" in str(loaded(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "is no PEM private key" in str(loaded(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    fault = load(file(tmp_path / "none.pem"))
    assert fault == (
        f"DKIM key {tmp_path}/none.pem of example.com/s1 cannot be read: No such file or directory; "
        "check the path and its owner"
    )


def test_a_key_does_not_show_itself(tmp_path: Path) -> None:
    key = loaded(tmp_path, keys.pem(RSA))
    assert repr(key) == "Key(example.com/s1, rsa-sha256)"


def keyring(tmp_path: Path, *names: str, optional: bool = False) -> Keyring:
    """A keyring of "domain/selector" names, with a file for each."""
    files = []
    for name in names:
        domain, _, selector = name.partition("/")
        files.append(file(keys.write(tmp_path / name.replace("/", "_"), keys.pem(RSA)), domain, selector))
    return Keyring(files, optional=optional)


def chosen(ring: Keyring, author: str, *names: str, now: float = 0.0) -> list[str] | str:
    found = ring.choose(author, names, now)
    return found.text if isinstance(found, NoKey) else [f"{key.domain}/{key.selector}" for key in found]


def test_by_default_every_key_of_the_author_and_its_parents_signs(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a", "news.example.com/b", "x.news.example.com/c", "ample.com/d", "com/e")
    assert chosen(ring, "news.example.com") == ["example.com/a", "news.example.com/b", "com/e"]
    assert chosen(ring, "example.com") == ["example.com/a", "com/e"]


def test_named_keys_sign_and_no_others(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a", "example.com/b", "example.org/c")
    assert chosen(ring, "example.com", "example.org") == ["example.org/c"]
    assert chosen(ring, "example.com", "example.com") == ["example.com/a", "example.com/b"]
    assert chosen(ring, "example.com", "EXAMPLE.com/b", "example.org", "example.com/b") == [
        "example.com/b",
        "example.org/c",
    ]


def test_a_missing_key_is_said(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a")
    assert chosen(ring, "example.net") == "no DKIM key is configured for example.net or a parent of it"
    assert chosen(ring, "example.com", "example.net") == "no DKIM key example.net is configured"
    assert chosen(ring, "example.com", "example.com/b") == "no DKIM key example.com/b is configured"
    assert chosen(ring, "example.com", "example.com/a", "x.example") == "no DKIM key x.example is configured"


def test_unsigned_is_possible_only_where_no_key_is_meant_for_the_author(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a", optional=True)
    assert chosen(ring, "example.net") == []
    (tmp_path / "example.com_a").unlink()
    assert "cannot be read" in chosen(ring, "example.com", now=RECHECK)
    assert "no DKIM key" in chosen(ring, "example.net", "example.org", now=RECHECK)


def test_a_changed_key_file_is_read_again(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a")
    [before] = ring.choose("example.com", (), 0.0)  # type: ignore[misc]
    keys.write(tmp_path / "example.com_a", keys.pem(OTHER) + b"\n")
    [soon] = ring.choose("example.com", (), RECHECK - 1)  # type: ignore[misc]
    [later] = ring.choose("example.com", (), RECHECK)  # type: ignore[misc]
    assert soon == before
    assert later.private.private_numbers() == OTHER.private_numbers()


def test_a_broken_key_file_leaves_the_loaded_key_in_use_and_is_reported(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a")
    assert ring.faults(0.0) == []
    keys.write(tmp_path / "example.com_a", b"half a file")
    assert chosen(ring, "example.com", now=RECHECK) == ["example.com/a"]
    [fault] = ring.faults(RECHECK)
    assert "is no PEM private key" in fault


def test_a_removed_key_file_takes_the_key_out_of_use(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a")
    assert chosen(ring, "example.com") == ["example.com/a"]
    (tmp_path / "example.com_a").unlink()
    assert "cannot be read: No such file" in chosen(ring, "example.com", now=RECHECK)
    assert "cannot be read: No such file" in chosen(ring, "example.com", "example.com/a", now=RECHECK)


def test_a_key_that_never_could_be_read_is_reported_for_its_domain_alone(tmp_path: Path) -> None:
    ring = keyring(tmp_path, "example.com/a", "example.org/b")
    keys.write(tmp_path / "example.com_a", b"x")
    assert "is no PEM private key" in chosen(ring, "example.com")
    assert chosen(ring, "example.org") == ["example.org/b"]


MAIL = b"From: a@example.com\r\n\r\n"


@pytest.fixture(params=["one by one", "eight at once"])
def lanes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures as they are made with and without the extra, whether or not it is there."""
    monkeypatch.setattr("mta.signing.signer.library", lambda: "absent" if request.param == "one by one" else object())


def signing(tmp_path: Path, threads: int = 1) -> tuple[Signer, Sequence[Key]]:
    """A signer, and the keys it chooses."""
    signer = Signer(keyring(tmp_path, "example.com/a"), threads)
    found = signer.choose("example.com", (), 0.0)
    assert not isinstance(found, NoKey)
    return signer, found


@pytest.mark.usefixtures("lanes")
async def test_many_are_signed_at_the_same_time_and_each_is_its_own(tmp_path: Path) -> None:
    signer, found = signing(tmp_path, threads=2)
    mails = [f"From: a@example.com\r\nSubject: {number}\r\n\r\n".encode() for number in range(20)]
    signed = await asyncio.gather(*(signer.sign(mail, found, 1.0) for mail in mails))
    assert [octets.rpartition(b"From: a@")[2] for octets in signed] == [
        mail.removeprefix(b"From: a@") for mail in mails
    ]
    assert len({octets.partition(b"From: a@")[0] for octets in signed}) == 20
    signer.close()


async def test_without_keys_nothing_is_signed() -> None:
    signer = Signer(Keyring([]))
    assert await signer.sign(MAIL, (), 1.0) == MAIL
    signer.close()


@pytest.mark.usefixtures("lanes")
async def test_who_has_gone_holds_up_nobody(tmp_path: Path) -> None:
    signer, found = signing(tmp_path)
    asked = [asyncio.create_task(signer.sign(MAIL, found, 1.0)) for _ in range(5)]
    await asyncio.sleep(0)
    asked[0].cancel()
    asked[2].cancel()
    assert [len(octets) for octets in await asyncio.gather(asked[1], asked[3], asked[4])] == [len(await asked[1])] * 3
    signer.close()


@pytest.mark.parametrize("quick", [True, False])
async def test_where_eight_are_signed_at_once_few_wait_for_each_other_after_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    batches: list[int] = []
    main = threading.main_thread()

    def together(wanted: Sequence[tuple[Key, bytes]]) -> list[bytes]:
        batches.append(len(wanted))
        assert (threading.current_thread() is main) is quick
        return [key.sign(digest) for key, digest in wanted]

    monkeypatch.setattr("mta.signing.signer.sign_together", together)
    monkeypatch.setattr("mta.signing.signer.library", object)
    monkeypatch.setattr("mta.signing.signer._LINGER", 0.3)
    monkeypatch.setattr("mta.signing.signer._QUICK", 2048 if quick else 512)
    signer, found = signing(tmp_path)
    for count in (1, 11):
        await asyncio.gather(*(signer.sign(MAIL, found, 1.0) for _ in range(count)))
    assert batches == [1, 8, 3]
    first = [asyncio.create_task(signer.sign(MAIL, found, 1.0)) for _ in range(2)]
    for _ in range(10):
        await asyncio.sleep(0)
    late = [asyncio.create_task(signer.sign(MAIL, found, 1.0)) for _ in range(2)]
    await asyncio.gather(*first, *late)
    assert batches == [1, 8, 3, 4]
    signer.close()


@pytest.mark.usefixtures("lanes")
async def test_a_fault_reaches_all_who_wait_and_the_next_are_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(wanted: Sequence[tuple[Key, bytes]]) -> list[bytes]:
        raise ValueError("no")

    signer, found = signing(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("mta.signing.signer.sign_together", broken)
        ends = await asyncio.gather(*(signer.sign(MAIL, found, 1.0) for _ in range(10)), return_exceptions=True)
    assert [type(end) for end in ends] == [ValueError] * 10
    assert await signer.sign(MAIL, found, 1.0) == sign(MAIL, found, 1.0)
    signer.close()


@pytest.mark.usefixtures("lanes")
async def test_a_large_message_is_signed_as_a_small_one(tmp_path: Path) -> None:
    signer, found = signing(tmp_path)
    mail = MAIL + b"0123456789 abcdef\r\n" * 10_000
    assert await signer.sign(mail, found, 1.0) == sign(mail, found, 1.0)
    signer.close()


async def test_a_closed_signer_lets_all_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mta.signing.signer.library", lambda: "absent")
    signer, found = signing(tmp_path)
    begun = [asyncio.create_task(signer.sign(MAIL, found, 1.0)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # now they are with the thread
    late = [asyncio.create_task(signer.sign(MAIL, found, 1.0)) for _ in range(2)]
    await asyncio.sleep(0)
    signer.close()
    ends = await asyncio.gather(*begun, *late, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ends] == [False, False, False, True, True]


async def test_a_closed_signer_lets_those_go_that_wait_for_company(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mta.signing.signer.library", object)
    signer, found = signing(tmp_path)
    late = [asyncio.create_task(signer.sign(MAIL, found, 1.0)) for _ in range(2)]
    await asyncio.sleep(0)
    signer.close()
    ends = await asyncio.gather(*late, return_exceptions=True)
    assert [isinstance(end, asyncio.CancelledError) for end in ends] == [True, True]
