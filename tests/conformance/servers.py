"""The mail servers of the conformance run. Nobody here wrote any of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import trustme

from tests.services.aiosmtpd import private_aiosmtpd
from tests.services.exim import private_exim
from tests.services.haraka import private_haraka
from tests.services.maildir import Arrived
from tests.services.npm import private_smtp_server
from tests.services.opensmtpd import private_opensmtpd
from tests.services.postfix import private_postfix


class Receiver(Protocol):
    """A running server."""

    host: str
    port: int

    def wait(self, count: int, seconds: float = 60) -> list[Arrived]: ...


@dataclass(frozen=True, slots=True)
class Server:
    """How to start a server (with a private key and certificates, it offers STARTTLS), and what it is known to offer.

    `broken_tls`: it offers STARTTLS, and no handshake ever succeeds.
    """

    name: str
    start: Callable[[Path | None], AbstractContextManager[Receiver]]
    eightbitmime: bool = True
    smtputf8: bool = True
    broken_tls: bool = False

    @property
    def software(self) -> str:
        """What it is, however it is set up."""
        return self.name.partition(",")[0]


SERVERS = (
    Server("postfix", private_postfix),
    Server("exim", private_exim),
    Server("opensmtpd", private_opensmtpd, smtputf8=False, broken_tls=True),
    Server("smtp-server", private_smtp_server),
    Server("Haraka", private_haraka),
    Server("aiosmtpd", private_aiosmtpd),
    Server("exim, 7-bit", partial(private_exim, seven_bit=True), eightbitmime=False, smtputf8=False),
    Server("smtp-server, 7-bit", partial(private_smtp_server, seven_bit=True), eightbitmime=False, smtputf8=False),
    Server("aiosmtpd, 7-bit", partial(private_aiosmtpd, seven_bit=True), eightbitmime=False, smtputf8=False),
)


def certificate(folder: Path) -> Path:
    """A private key with its certificates, as servers want it."""
    issued = trustme.CA().issue_cert("mx.receiver.example", "127.0.0.1", key_type=trustme.KeyType.RSA)
    path = folder / "tls.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
    return path
