"""Postfix as a relay: a private instance, signing through a milter on a unix socket or not at all.

Its limits are its defaults but for what would hold it back in a race: the pauses of its input, look-ups of the client's
name, and the slow start towards a destination.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from tests.bench.contest.contestant import Daemon, Ground, Injection, greets, program, root_only, until
from tests.bench.contest.load import DOMAINS, SELECTOR, SENDER, SIGNER, Load, address, many
from tests.bench.contest.loopback import free_port

DURABLE = "queue file with fsync"

_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/lib
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
syslog_name = postfix-bench
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.riverside.example
mydestination =
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
transport_maps = inline:{{ {transports} }}
relayhost = [127.0.0.1]:{sink}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
local_header_rewrite_clients =
in_flow_delay = 0
initial_destination_concurrency = 20
{more}
"""
_MILTER = """\
smtpd_milters = unix:{socket}
milter_default_action = tempfail
milter_protocol = 6
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup     unix  n - n 60 1 pickup
cleanup    unix  n - n - 0 cleanup
qmgr       unix  n - n 300 1 qmgr
tlsmgr     unix  - - n 1000? 1 tlsmgr
rewrite    unix  - - n - - trivial-rewrite
bounce     unix  - - n - 0 bounce
defer      unix  - - n - 0 bounce
trace      unix  - - n - 0 bounce
proxymap   unix  - - n - - proxymap
smtp       unix  - - n - - smtp
relay      unix  - - n - - smtp
error      unix  - - n - - error
retry      unix  - - n - - error
anvil      unix  - - n - 1 anvil
scache     unix  - - n - 1 scache
postlog    unix-dgram n - n - 1 postlogd
"""

Signing = Callable[[Ground], AbstractContextManager[Path]]
"""A milter in the contestant's group; its socket."""


class Relaying:
    """A running postfix."""

    def __init__(self, ground: Ground, port: int) -> None:
        self._ground = ground
        self._port = port

    def feed(self, load: Load) -> Injection:
        return Injection(load, self._port, self._ground, SENDER)

    def check(self, load: Load) -> str | None:
        return None

    def told(self) -> str:
        logs = (self._ground.folder / name for name in ("log", "opendkim.log", "rspamd.log", "rspamd.out"))
        return "".join(log.read_text(errors="replace")[-800:] for log in logs if log.exists())


def unsigned(ground: Ground) -> AbstractContextManager[Relaying]:
    return _running(ground, None)


def with_opendkim(ground: Ground) -> AbstractContextManager[Relaying]:
    return _running(ground, _opendkim)


def with_rspamd(ground: Ground) -> AbstractContextManager[Relaying]:
    return _running(ground, _rspamd)


@contextmanager
def _running(ground: Ground, signing: Signing | None) -> Iterator[Relaying]:
    root_only("postfix")
    postfix = [program("postfix", "postfix"), "-c", str(ground.folder / "etc")]
    port = free_port()
    running = Relaying(ground, port)
    with signing(ground) if signing else nullcontext(None) as socket:
        _furnish(ground, port, socket)
        with ground.own.inside():
            subprocess.run([*postfix, "start"], check=True, capture_output=True, timeout=30)
        try:
            until(lambda: greets(port), "postfix", running.told)
            yield running
        finally:
            subprocess.run([*postfix, "stop"], capture_output=True, timeout=30)


def _furnish(ground: Ground, port: int, socket: Path | None) -> None:
    folder = ground.folder
    for name in ("etc", "queue", "lib"):
        (folder / name).mkdir()
    shutil.chown(folder / "lib", "postfix")
    towards = [
        f"{{ {many(number)} = smtp:[{address(number, ground.own_network)}]:{ground.sink} }}"
        for number in range(DOMAINS)
    ]
    more = "" if socket is None else _MILTER.format(socket=socket)
    main = _MAIN.format(folder=folder, sink=ground.sink, transports=", ".join(towards), more=more)
    (folder / "etc" / "main.cf").write_text(main)
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port))


@contextmanager
def _opendkim(ground: Ground) -> Iterator[Path]:
    opendkim, socket = program("opendkim", "opendkim"), ground.folder / "opendkim.sock"
    settings = ground.folder / "opendkim.conf"
    settings.write_text(
        f"Mode s\nSocket local:{socket}\nUMask 0000\nDomain {SIGNER}\nSelector {SELECTOR}\nKeyFile {ground.key}\n"
        f"Canonicalization relaxed/relaxed\nRequireSafeKeys no\nInternalHosts 0.0.0.0/0\nSyslog no\n"
    )
    with Daemon([opendkim, "-f", "-x", str(settings)], ground.own, ground.folder / "opendkim.log") as daemon:
        daemon.until(socket.exists, "opendkim")
        yield socket


_RSPAMD = """\
options {{
  filters = "dkim"; disable_hyperscan = true; tempdir = "{folder}"; pidfile = "{folder}/rspamd.pid";
  local_addrs = ["127.0.0.0/8"]; dns {{ nameserver = ["127.0.0.1:9"]; }}
}}
logging {{ type = "file"; filename = "{folder}/rspamd.log"; level = "warning"; }}
worker "rspamd_proxy" {{
  bind_socket = "{socket} mode=0666"; milter = yes; timeout = 120s; count = 2;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
modules {{ path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }}
dkim_signing {{
  enabled = true; sign_local = true; use_domain = "header"; use_esld = false; allow_hdrfrom_mismatch = true;
  domain {{ {domain} {{ path = "{key}"; selector = "{selector}"; }} }}
}}
"""


@contextmanager
def _rspamd(ground: Ground) -> Iterator[Path]:
    rspamd, folder = program("rspamd", "rspamd"), ground.folder
    socket, settings = folder / "rspamd.sock", folder / "rspamd.conf"
    settings.write_text(_RSPAMD.format(folder=folder, socket=socket, domain=SIGNER, key=ground.key, selector=SELECTOR))
    shutil.chown(folder, "_rspamd")
    command = [rspamd, "-f", "-c", str(settings), "-u", "_rspamd", "-g", "_rspamd"]
    with Daemon(command, ground.own, folder / "rspamd.out") as daemon:
        daemon.until(socket.exists, "rspamd")
        yield socket
