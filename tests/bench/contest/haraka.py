"""Haraka from npm as a relay: two processes, its own outbound queue, its DKIM plugin."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.contest.contestant import Daemon, Ground, Injection, NotHere, greets, program
from tests.bench.contest.load import SELECTOR, SENDER, SIGNER, Load
from tests.bench.contest.loopback import free_port

DURABLE = "queue file with fsync"

_DH_PARAMETERS = Path(__file__).parents[2] / "services" / "node" / "dhparams.pem"
_SIGN = """\
[sign]
enabled = true
selector = {selector}
domain = {domain}
headers = From, Subject, Date, Message-ID, To, MIME-Version, Content-Type, List-Unsubscribe
[canon]
body = relaxed
[verify]
enabled = false
"""
_RELAY = """\
exports.register = function () {{
  this.register_hook('connect', 'relay');
  this.register_hook('rcpt', 'take');
  this.register_hook('get_mx', 'towards');
}};
exports.relay = function (next, connection) {{ connection.relaying = true; next(); }};
exports.take = function (next) {{ next(OK); }};
exports.towards = function (next) {{ next(OK, {{ priority: 0, exchange: '127.0.0.1', port: {sink} }}); }};
"""


class Relaying:
    """A running Haraka."""

    def __init__(self, ground: Ground, port: int, daemon: Daemon) -> None:
        self._ground = ground
        self._port = port
        self.told = daemon.told

    def feed(self, load: Load) -> Injection:
        return Injection(load, self._port, self._ground, SENDER)

    def check(self, load: Load) -> str | None:
        return None


@contextmanager
def own_dkim(ground: Ground) -> Iterator[Relaying]:
    node = program("node", "nodejs")
    haraka = ground.tools / "haraka" / "node_modules" / "Haraka" / "bin" / "haraka"
    if not haraka.exists():
        raise NotHere("Haraka is missing: npm could not install it")
    port = free_port()
    _furnish(ground, port)
    with Daemon([node, str(haraka), "-c", str(ground.folder)], ground.own, ground.folder / "log") as daemon:
        daemon.until(lambda: greets(port), "Haraka")
        yield Relaying(ground, port, daemon)


def _furnish(ground: Ground, port: int) -> None:
    folder = ground.folder
    for name in ("plugins", "queue"):
        (folder / name).mkdir()
    modules = (ground.tools / "haraka" / "node_modules").resolve()
    (folder / "node_modules").symlink_to(modules)  # it looks for plugins beside its configuration
    shutil.copytree(modules / "Haraka" / "config", folder / "config")
    # Without these it has some made, which takes a core for a minute.
    shutil.copy(_DH_PARAMETERS, folder / "config" / "dhparams.pem")
    shutil.copy(ground.key, folder / "config" / "dkim.private.key")
    files = {
        "config/smtp.ini": f"listen=127.0.0.1:{port}\nnodes=2\n",
        "config/outbound.ini": "enable_tls=false\nlocal_mx_ok=true\nconcurrency_max=100\n",
        "config/log.ini": "[main]\nlevel=notice\n",
        "config/me": "relay.riverside.example\n",
        "config/plugins": "racing\ndkim\n",
        "config/dkim.ini": _SIGN.format(selector=SELECTOR, domain=SIGNER),
        "plugins/racing.js": _RELAY.format(sink=ground.sink),
    }
    for name, text in files.items():
        Path(folder / name).write_text(text)
