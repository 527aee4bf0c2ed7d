"""Exim as a relay with its own DKIM, from Debian's package unpacked beside the system's MTA."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.contest.contestant import Daemon, Ground, Injection, NotHere, greets, root_only
from tests.bench.contest.load import SELECTOR, SENDER, SIGNER, Load
from tests.bench.contest.loopback import free_port

DURABLE = "spool files with fsync"

_SETTINGS = """\
primary_hostname = relay.riverside.example
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
spool_directory = {folder}/spool
log_file_path = {folder}/log-%s
pid_file_path = {folder}/exim.pid
exim_path = {exim}
keep_environment =
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
deliver_drop_privilege = true
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_accept_max_per_connection = 0
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin routers
all:
  driver = manualroute
  domains = *
  transport = remote
  route_list = * 127.0.0.1
  self = send
begin transports
remote:
  driver = smtp
  port = {sink}
  hosts_avoid_tls = *
  dkim_domain = {domain}
  dkim_selector = {selector}
  dkim_private_key = {key}
  dkim_canon = relaxed
begin retry
* * F,1h,1m
"""


class Relaying:
    """A running exim."""

    def __init__(self, ground: Ground, port: int, daemon: Daemon) -> None:
        self._ground = ground
        self._port = port
        self._daemon = daemon

    def feed(self, load: Load) -> Injection:
        return Injection(load, self._port, self._ground, SENDER)

    def check(self, load: Load) -> str | None:
        return None

    def told(self) -> str:
        logs = sorted(self._ground.folder.glob("log-*"))
        return self._daemon.told() + "".join(log.read_text(errors="replace")[-700:] for log in logs)


@contextmanager
def own_dkim(ground: Ground) -> Iterator[Relaying]:
    root_only("exim")
    exim = ground.tools / "exim" / "usr" / "sbin" / "exim4"
    if not exim.exists():
        raise NotHere("exim4 is missing: its Debian package could not be fetched")
    folder, port = ground.folder, free_port()
    shutil.chown(folder, "Debian-exim", "Debian-exim")
    settings = folder / "exim.conf"
    settings.write_text(
        _SETTINGS.format(
            port=port, folder=folder, exim=exim, sink=ground.sink, domain=SIGNER, selector=SELECTOR, key=ground.key
        )
    )
    with Daemon([str(exim), "-C", str(settings), "-bdf", "-q1m"], ground.own, folder / "out") as daemon:
        daemon.until(lambda: greets(port), "exim")
        yield Relaying(ground, port, daemon)
