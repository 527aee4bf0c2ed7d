"""aiosmtpd, Python's SMTP server, keeping what it takes."""

import itertools
import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.services.maildir import Maildir
from tests.services.start import free_port


class Aiosmtpd(Maildir):
    """A running instance, in a thread of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, kept=True)
        self.host, self.port = "127.0.0.1", port


class _Keeper:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = itertools.count()
        for name in ("new", "tmp"):
            (folder / name).mkdir()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        name = str(next(self._count))
        sender = (envelope.mail_from or "").removeprefix("<>")  # the null reverse-path keeps its brackets
        trace = f"Return-Path: <{sender}>\nDelivered-To: {envelope.rcpt_tos[0]}\n"
        content = envelope.original_content
        assert content is not None
        (self._folder / "tmp" / name).write_bytes(trace.encode() + content)
        os.rename(self._folder / "tmp" / name, self._folder / "new" / name)
        return "250 2.0.0 kept"


@contextmanager
def private_aiosmtpd(pem: Path | None = None, *, seven_bit: bool = False) -> Iterator[Aiosmtpd]:
    """An aiosmtpd of one's own; `pem`, a private key with its certificates, makes it offer STARTTLS. `seven_bit`: it
    offers neither 8BITMIME nor SMTPUTF8."""
    context = None
    if pem is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
    with tempfile.TemporaryDirectory(prefix="campaign-mta-aiosmtpd-") as folder:
        controller = Controller(
            _Keeper(Path(folder)),
            "127.0.0.1",
            free_port(),
            server_hostname="mx.receiver.example",
            tls_context=context,
            data_size_limit=None,
            decode_data=seven_bit,
            enable_SMTPUTF8=not seven_bit,
        )
        controller.start()
        try:
            yield Aiosmtpd(Path(folder), controller.port)
        finally:
            controller.stop()
