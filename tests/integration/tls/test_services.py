"""The ways to broker and store in TLS: nobody is spoken to whose certificate is not good for the name."""

import asyncio
import os
import pwd
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from feedback.store import StoreAway
from feedback.store.postgres import Postgres
from tests.integration.tls.certificates import KNOWN, chain, served
from tests.services.postgres import PostgresServer
from worker.queue import QueueAway
from worker.queue.rabbit import RabbitPublisher

NAME = "localhost"
BAD = ["wrong name", "expired", "unknown authority", "self-signed"]


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    KNOWN.cert_pem.write_to_path(tmp_path / "authority.pem")
    return tmp_path / "authority.pem"


@asynccontextmanager
async def in_tls(target: int, kind: str) -> AsyncIterator[int]:
    """A port at which a plain one of this machine is reached in TLS."""

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.wait(
            [asyncio.create_task(pass_on(reader, back)), asyncio.create_task(pass_on(there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        writer.close()
        back.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=served(kind, NAME))
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def reach(amqp_url: str, kind: str, query: str) -> None:
    given = urlsplit(amqp_url)
    async with in_tls(given.port or 5672, kind) as port:
        login = given.netloc.rpartition("@")[0]
        publisher = RabbitPublisher(f"amqps://{login}@{NAME}:{port}{given.path}{query}", "tls")
        await publisher.open()
        await publisher.close()


async def test_a_broker_is_reached_whose_certificate_is_good(amqp_url: str, authority: Path) -> None:
    await reach(amqp_url, "good", f"?cafile={quote(str(authority))}")


@pytest.mark.parametrize("kind", BAD)
async def test_a_broker_with_any_other_certificate_is_not_spoken_to(amqp_url: str, authority: Path, kind: str) -> None:
    with pytest.raises(QueueAway):
        await reach(amqp_url, kind, f"?cafile={quote(str(authority))}")


async def test_without_a_word_of_whom_to_trust_the_system_decides_about_a_broker(amqp_url: str) -> None:
    with pytest.raises(QueueAway):
        await reach(amqp_url, "good", "")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="campaign-mta-certificate-") as folder:
        file = Path(folder, "chain.pem")
        file.write_bytes(chain("good", NAME))
        file.chmod(0o600)
        if os.geteuid() == 0:
            _give(file)
        settings = {"ssl": "on", "ssl_cert_file": str(file), "ssl_key_file": str(file)}
        with PostgresServer(settings=settings) as server:
            yield server


def _give(file: Path) -> None:
    """The server runs as another user, who must own its key and get to it."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    os.chown(file, pwd.getpwnam("postgres" if "postgres" in names else "nobody").pw_uid, -1)
    file.parent.chmod(0o711)


async def connect(postgres: PostgresServer, host: str, query: str) -> None:
    store = Postgres(f"postgresql://mta@{host}:{postgres.port}/postgres?{query}")
    await store.open("test", {})
    await store.close("test")


async def test_a_store_is_reached_whose_certificate_is_good(postgres: PostgresServer, authority: Path) -> None:
    await connect(postgres, NAME, f"sslmode=verify-full&sslrootcert={quote(str(authority))}")


async def test_a_store_under_another_name_than_its_certificates_is_not_spoken_to(
    postgres: PostgresServer, authority: Path
) -> None:
    with pytest.raises(StoreAway):
        await connect(postgres, "127.0.0.1", f"sslmode=verify-full&sslrootcert={quote(str(authority))}")


async def test_a_store_of_an_unknown_authority_is_not_spoken_to(postgres: PostgresServer, tmp_path: Path) -> None:
    (tmp_path / "other.pem").write_bytes(chain("self-signed", NAME).partition(b"-----BEGIN CERT")[2])
    (tmp_path / "other.pem").write_bytes(b"-----BEGIN CERT" + (tmp_path / "other.pem").read_bytes())
    with pytest.raises(StoreAway):
        await connect(postgres, NAME, f"sslmode=verify-full&sslrootcert={quote(str(tmp_path / 'other.pem'))}")
