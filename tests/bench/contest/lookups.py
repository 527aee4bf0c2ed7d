"""A world of many domains: Debian's unbound answers for them, each with a mail server of a name and an address of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.contest.contestant import Daemon, Ground, program, until
from tests.bench.contest.cost import Group
from tests.bench.contest.load import address, many, single
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
_ANSWERS = """\
    local-data: "{domain}. 3600 MX 10 {host}."
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
    answers = _ANSWERS.format(domain=single(), host=f"mx.{single()}", address="127.0.0.1")
    for number in range(DOMAINS):
        where = address(number, ground.own_network)
        answers += _ANSWERS.format(domain=many(number), host=f"mx.d{number}.example", address=where)
    settings = ground.folder / "unbound.conf"
    settings.write_text(_UNBOUND.format(port=port, folder=ground.folder, answers=answers))
    with Daemon([program("unbound", "unbound"), "-d", "-c", str(settings)], group, ground.folder / "unbound.log"):
        until(lambda: listens(port), "unbound")
        yield _SETTINGS.format(nameserver=f"127.0.0.1:{port}")
