"""Debian's opensmtpd as a private MTA: takes mail for every recipient and delivers it into one Maildir.

It offers 8BITMIME, but neither SMTPUTF8 nor PIPELINING. Its STARTTLS is broken: version 6.8 cannot use its private key with
OpenSSL 3 (OpenSMTPD issue 1171), so every handshake ends in an alert. Many such servers are about.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.maildir import Maildir
from tests.services.root import ACCOUNT, own, private_root, said_in, started
from tests.services.start import free_port

CONFIGURATION = """\
{pki}
table everyone {{ "@" = mail }}
smtp max-message-size 100M
listen on 127.0.0.1 port {port} hostname mx.receiver.example {tls}
action deliver maildir "/mail" user mail virtual <everyone>
match from any for any action deliver
"""

PKI = 'pki mx.receiver.example cert "/etc/tls.pem"\npki mx.receiver.example key "/etc/tls.pem"\n'


class Opensmtpd(Maildir):
    """A running instance."""

    def __init__(self, root: Path, port: int) -> None:
        super().__init__(root / "mail", lambda: said_in(root))
        self.host, self.port = "127.0.0.1", port


@contextmanager
def private_opensmtpd(pem: Path | None = None) -> Iterator[Opensmtpd]:
    """An opensmtpd of one's own; `pem`, a private key with its certificates, makes it offer STARTTLS,
    which then fails."""
    with private_root("opensmtpd", ["opensmtpd", "opensmtpq", "mail"]) as root:
        port = free_port()
        own(root / "var/spool/smtpd", 0, 0o711)
        (root / "var/lib/opensmtpd/empty").mkdir(parents=True, exist_ok=True)
        own(root / "mail", ACCOUNT + 2)
        pki, tls = ("", "") if pem is None else (PKI, "tls pki mx.receiver.example")
        if pem is not None:
            shutil.copy(pem, root / "etc/tls.pem")
            own(root / "etc/tls.pem", 0, 0o600)
        (root / "etc/smtpd.conf").write_text(CONFIGURATION.format(pki=pki, port=port, tls=tls))
        with started(root, ["/usr/sbin/smtpd", "-d", "-F", "-f", "/etc/smtpd.conf"], port):
            yield Opensmtpd(root, port)
