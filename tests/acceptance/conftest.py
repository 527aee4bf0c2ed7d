"""What acceptance tests stand on: a broker, a database, a sink, an installation."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import keys
from tests.acceptance.installation import Installation, record, sink

SETTINGS = """\
[broker]
url = "{amqp}"
prefix = "{prefix}"
[store]
url = "{store}"
[smtp]
helo = "mta.test.example"
[retry]
first = "1s"
jitter = 0.0
[worker]
lease = "4s"
[[dkim]]
domain = "riverside.example"
selector = "s1"
key_file = "s1.pem"
"""


@pytest.fixture
def installation(tmp_path: Path, amqp_url: str, database_url: str) -> Installation:
    """RabbitMQ and PostgreSQL, a signing key, no route yet."""
    keys.write(tmp_path / "s1.pem", keys.pem(keys.rsa()))
    prefix = f"t{uuid.uuid4().hex[:8]}"
    return Installation(
        tmp_path, SETTINGS.format(amqp=amqp_url, prefix=prefix, store=database_url), database_url, prefix
    )


@pytest.fixture
def key_records(installation: Installation) -> dict[str, str]:
    """What verifiers find in DNS for the installation's key."""
    return {"s1._domainkey.riverside.example": record((installation.folder / "s1.pem").read_bytes())}


@pytest.fixture
def sink_port(tmp_path: Path) -> Iterator[int]:
    """The sink of the command line, keeping its mails in `tmp_path`/sink."""
    with sink(tmp_path) as port:
        yield port
