"""Debian's exim as a private MTA: takes mail for every recipient and delivers it into one Maildir."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.maildir import Maildir
from tests.services.root import ACCOUNT, own, private_root, started
from tests.services.start import free_port

CONFIGURATION = """\
primary_hostname = mx.receiver.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
host_lookup =
rfc1413_hosts =
message_size_limit = 0
return_path_remove = false
envelope_to_remove = false
delivery_date_remove = false
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
chunking_advertise_hosts = *
keep_environment =
log_file_path = /var/log/exim4/%slog
acl_smtp_rcpt = everyone
acl_smtp_data = everyone
{more}
begin acl
everyone:
  accept
begin routers
everyone:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = /mail
  maildir_format
  user = Debian-exim
  return_path_add
  envelope_to_add
"""

TLS = "tls_advertise_hosts = *\ntls_certificate = /etc/exim4/tls.pem\n"
NO_TLS = "tls_advertise_hosts =\n"
EIGHT_BIT = "accept_8bitmime = true\nsmtputf8_advertise_hosts = *\n"
SEVEN_BIT = "accept_8bitmime = false\nsmtputf8_advertise_hosts =\n"


class Exim(Maildir):
    """A running instance."""

    def __init__(self, root: Path, port: int) -> None:
        super().__init__(root / "mail", lambda: (root / "var/log/exim4/mainlog").read_text(errors="replace"))
        self.host, self.port = "127.0.0.1", port


@contextmanager
def private_exim(pem: Path | None = None, *, seven_bit: bool = False) -> Iterator[Exim]:
    """An exim of one's own; `pem`, a private key with its certificates, makes it offer STARTTLS. `seven_bit`: it offers
    neither 8BITMIME nor SMTPUTF8."""
    with private_root("exim", ["Debian-exim"]) as root:
        port = free_port()
        for name in ("var/spool/exim4", "var/log/exim4", "mail"):
            own(root / name, ACCOUNT)
        (root / "etc/exim4").mkdir()
        if pem is not None:
            shutil.copy(pem, root / "etc/exim4/tls.pem")
            own(root / "etc/exim4/tls.pem", ACCOUNT, 0o600)
        more = (NO_TLS if pem is None else TLS) + (SEVEN_BIT if seven_bit else EIGHT_BIT)
        configuration = root / "etc/exim4/exim4.conf"
        configuration.write_text(CONFIGURATION.format(port=port, more=more))
        os.chmod(configuration, 0o644)
        with started(root, ["/usr/sbin/exim4", "-bdf", "-q1h"], port):
            yield Exim(root, port)
