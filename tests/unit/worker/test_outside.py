"""What the world outside is built from."""

import ipaddress
import socket

from mta.lane import Source
from worker.outside import own_addresses


def test_a_source_is_at_home_at_its_address() -> None:
    sources = [Source(pool="p", helo="x", address=address) for address in ("198.51.100.7", "2001:db8::7")]
    assert own_addresses(sources) == {"198.51.100.7", "2001:db8::7"}


def test_where_the_system_chooses_this_machine_is_at_home_at_what_it_chooses() -> None:
    found = own_addresses([Source(pool="p", helo="x")])
    assert len(found) <= 2
    for address in found:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family) as probe:
            probe.bind((address, 0))  # only this machine's own can be
