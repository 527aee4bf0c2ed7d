"""A world of many domains: Debian's unbound answers for them.

Each has a mail server of a name and an address of its own; as many again are hosted by the first few of these.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.contest.contestant import Daemon, Ground, program, until
from tests.bench.contest.cost import Group
from tests.bench.contest.load import DOMAINS as SYSTEMS
from tests.bench.contest.load import address, hosted, many, single
from tests.services.start import free_port, listens

DOMAINS = 10_000

_UNBOUND = """\
server:
    interface: 127.0.0.1@{port}
    access-control: 127.0.0.0/8 allow
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    num-threads: 1
    module-config: "iterator"
    local-zone: "example." static
    local-data: "example. 3600 SOA localhost. nobody.invalid. 1 3600 600 86400 3600"
{answers}
remote-control:
    control-enable: no
"""
_MX = """\
    local-data: "{domain}. 3600 MX 10 {host}."
"""
_A = """\
    local-data: "{host}. 3600 A {address}"
"""
_SETTINGS = """\
[dns]
nameservers = ["{nameserver}"]
allow_private_mx = true
"""


@contextmanager
def nameserver(ground: Ground, group: Group) -> Iterator[str]:
    """The settings of a worker that asks it."""
    port = free_port()
    answers = _answers(ground.own_network)
    settings = ground.folder / "unbound.conf"
    settings.write_text(_UNBOUND.format(port=port, folder=ground.folder, answers=answers))
    with Daemon([program("unbound", "unbound"), "-d", "-c", str(settings)], group, ground.folder / "unbound.log"):
        until(lambda: listens(port), "unbound")
        yield _SETTINGS.format(nameserver=f"127.0.0.1:{port}")


def _answers(own_network: bool) -> str:
    lines = [_MX.format(domain=single(), host=f"mx.{single()}"), _A.format(host=f"mx.{single()}", address="127.0.0.1")]
    for number in range(DOMAINS):
        lines.append(_MX.format(domain=many(number), host=_host(number)))
        lines.append(_A.format(host=_host(number), address=address(number, own_network)))
        lines.append(_MX.format(domain=hosted(number), host=_host(number % SYSTEMS)))
    return "".join(lines)


def _host(number: int) -> str:
    return f"mx.d{number}.example"
