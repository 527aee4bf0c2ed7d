"""Mails arrive at other people's servers as they were composed, and pass other people's verifiers. The whole run, with the
big mails, is `python -m tests.conformance`."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from mta.message import Draft, draft
from mta.signing.signature import sign
from tests.conformance.corpus import corpus
from tests.conformance.run import EXPECTED, KEYS, NOW, RECORDS, expected, run
from tests.conformance.same import difference
from tests.conformance.servers import SERVERS, Server, certificate
from tests.conformance.verifiers import NAMES, Verify, verifiers

MAILS = [mail for mail in corpus() if len(mail.content) < 500_000]


@pytest.fixture(scope="module")
def verify(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Verify]]:
    with verifiers(RECORDS, tmp_path_factory.mktemp("verifiers")) as known:
        yield {name: lru_cache(maxsize=None)(each) for name, each in known.items()}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("tls", [False, True], ids=["in clear", "with TLS"])
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
async def test_every_mail_arrives_and_verifies_or_is_refused_with_the_reason(
    server: Server, tls: bool, verify: dict[str, Verify], pem: Path
) -> None:
    row = await run(server, pem if tls else None, MAILS, verify)
    assert row.faults == []
    changed = len(EXPECTED["changed_by"].get(server.software, {}))
    sent = len(MAILS) - len(expected(server))
    assert (row.mails, row.refused, row.changed) == (len(MAILS), len(expected(server)), changed)
    assert [row.identical, *row.verified.values()] == [sent - changed] * 4


def test_the_corpus_is_large_and_its_table_names_nothing_else() -> None:
    names = [mail.name for mail in corpus()]
    assert len(names) == len(set(names))
    assert len(names) - len(EXPECTED["anywhere"]) >= 60
    tables = [*EXPECTED["by_server"].values(), *EXPECTED["changed_by"].values()]
    tables += [EXPECTED[name] for name in ("anywhere", "without_smtputf8", "without_8bitmime")]
    assert {name for table in tables for name in table} <= set(names)


GIVEN = b"From: a@sender.example\nDate: now\nMessage-ID: <1@a>\n\none\r\ntwo"


def composed() -> bytes:
    message = draft(GIVEN, job_id="1", accepted_at=NOW)
    assert isinstance(message, Draft)
    return sign(message.whole, KEYS, NOW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"one", b"One"),
        (b"two\r\n", b"two\r\n\r\n"),
        (b"From: a", b"From:  a"),
        (b"one\r\n", b"one\n"),
        (b"DKIM", b"X"),
    ],
)
def test_a_change_on_the_way_is_seen(before: bytes, after: bytes) -> None:
    assert difference(GIVEN, composed(), signatures=2, seven_bit=False) is None
    assert difference(GIVEN, composed().replace(before, after), signatures=2, seven_bit=False) is not None


def test_another_content_under_another_encoding_is_seen() -> None:
    given = b"From: a@sender.example\nDate: now\nMessage-ID: <1@a>\n\na\0b\n"
    message = draft(given, job_id="1", accepted_at=NOW)
    assert isinstance(message, Draft)
    octets = message.octets(eightbitmime=True)
    assert isinstance(octets, bytes)
    assert difference(given, octets, signatures=0, seven_bit=False) is None
    assert difference(given, octets.replace(b"=00", b"=01"), signatures=0, seven_bit=False) is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_verifier_takes_no_changed_message(name: str, verify: dict[str, Verify]) -> None:
    assert verify[name](composed()) == [True, True]
    assert verify[name](composed().replace(b"two", b"six")) == [False, False]
