"""Debian's postfix as a private MTA to deliver to, and its test program smtp-sink.

The instance has its own configuration, queue, data and port on loopback, and is started and stopped through its own
configuration directory; a system's postfix is neither used nor disturbed. It takes mail for every recipient of every domain
and delivers it into one Maildir.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.services.maildir import Maildir
from tests.services.start import START_SECONDS, free_port, greets, wait_until

POSTFIX = Path("/usr/sbin/postfix")
SMTP_SINK = Path("/usr/sbin/smtp-sink")

MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/lib
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
syslog_name = postfix-private
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.receiver.example
mydestination =
mynetworks =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all/
virtual_mailbox_base = {folder}/mail
virtual_mailbox_limit = 0
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
virtual_destination_concurrency_limit = 10
message_size_limit = 0
smtpd_relay_restrictions = reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtputf8_enable = yes
# Nothing of a message is rewritten or taken out, though its sender is local.
local_header_rewrite_clients =
message_drop_headers =
in_flow_delay = 0
disable_vrfy_command = yes
"""

TLS = """\
smtpd_tls_security_level = may
smtpd_tls_chain_files = {pem}
smtpd_tls_loglevel = 1
"""

MASTER = """\
127.0.0.1:{port} inet n - n - 60 smtpd
cleanup    unix  n - n - 0 cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - - trivial-rewrite
bounce     unix  - - n - 0 bounce
defer      unix  - - n - 0 bounce
trace      unix  - - n - 0 bounce
proxymap   unix  - - n - - proxymap
error      unix  - - n - - error
retry      unix  - - n - - error
virtual    unix  - n n - - virtual
anvil      unix  - - n - 1 anvil
postlog    unix-dgram n - n - 1 postlogd
"""


class Postfix(Maildir):
    """A running instance. Synchronous: called from fixtures, or from tests in a thread."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder / "mail" / "all", lambda: self.log)
        self.folder = folder
        self.host = "127.0.0.1"
        self.port = port

    def start(self) -> None:
        self._postfix("start")
        wait_until(lambda: greets(self.port), "postfix", lambda: self.log)

    def stop(self) -> None:
        self._postfix("stop")

    @property
    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _postfix(self, command: str) -> None:
        done = subprocess.run(
            [str(POSTFIX), "-c", str(self.folder / "etc"), command],
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        if done.returncode != 0:
            raise RuntimeError(f"postfix {command}: {done.stdout}{done.stderr}{self.log}")


@contextmanager
def private_postfix(pem: Path | None = None) -> Iterator[Postfix]:
    """A postfix of one's own; `pem`, a private key with its certificates, makes it offer STARTTLS."""
    if not POSTFIX.exists():
        raise RuntimeError("postfix is missing; install it with: apt-get install postfix")
    if os.geteuid() != 0:
        pytest.skip("postfix can only be started by root")
    folder = Path(tempfile.mkdtemp(prefix="campaign-mta-postfix-"))
    postfix = Postfix(folder, free_port())
    try:
        _furnish(postfix, pem)
        postfix.start()
        yield postfix
    finally:
        if (folder / "queue" / "pid" / "master.pid").exists():
            postfix.stop()
        shutil.rmtree(folder)


def _furnish(postfix: Postfix, pem: Path | None) -> None:
    folder = postfix.folder
    folder.chmod(0o755)  # its unprivileged processes must get in
    for name in ("etc", "queue", "lib", "mail"):
        (folder / name).mkdir()
    shutil.chown(folder / "lib", "postfix")
    nobody = pwd.getpwnam("nobody")
    shutil.chown(folder / "mail", "nobody")
    main = MAIN.format(folder=folder, uid=nobody.pw_uid, gid=nobody.pw_gid)
    if pem is not None:
        shutil.copy(pem, folder / "etc" / "tls.pem")
        (folder / "etc" / "tls.pem").chmod(0o600)
        main += TLS.format(pem=folder / "etc" / "tls.pem")
    (folder / "etc" / "main.cf").write_text(main)
    (folder / "etc" / "master.cf").write_text(MASTER.format(port=postfix.port))


@dataclass(frozen=True, slots=True)
class SmtpSink:
    """A running smtp-sink; with `folder`, each message is in a file of its own there."""

    host: str
    port: int
    process: subprocess.Popen[bytes]


@contextmanager
def smtp_sink(*options: str) -> Iterator[SmtpSink]:
    """Postfix's smtp-sink, which throws away what it takes; `options` as in its manual (`-q .`, `-r RCPT`, `-d FILE`)."""
    if not SMTP_SINK.exists():
        raise RuntimeError("smtp-sink is missing; install it with: apt-get install postfix")
    port = free_port()
    account = ["-u", "nobody"] if os.geteuid() == 0 and not {"-d", "-D"} & set(options) else []
    process = subprocess.Popen([str(SMTP_SINK), *account, *options, f"127.0.0.1:{port}", "1000"])
    try:
        wait_until(lambda: process.poll() is not None or greets(port), "smtp-sink")
        assert process.poll() is None, "smtp-sink ended at its start"
        yield SmtpSink("127.0.0.1", port, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture(scope="session")
def postfix_instance() -> Iterator[Postfix]:
    with private_postfix() as running:
        yield running


@pytest.fixture
def postfix(postfix_instance: Postfix) -> Postfix:
    """The private postfix, with nothing delivered yet."""
    postfix_instance.clear()
    return postfix_instance
