"""Which addresses a host found by DNS may have. Anyone can publish an MX that points into somebody's own network."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# IANA's special-purpose registries (RFC 6890 and its updates), as far as no mail server can be there.
_NEVER = tuple(
    map(ip_network, ("0.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "::/128", "ff00::/8")),
)
_PRIVATE = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "::1/128",
            "100::/64",
            "2001:db8::/32",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
_MAPPED = ip_network("::ffff:0:0/96")
_NAT64 = ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ip_network("2002::/16")


def allowed(address: str, *, private: bool = False, own: Collection[str] = ()) -> bool:
    """Whether mail may be sent to an address found by DNS.

    `private`: loopback, private, link-local and test addresses too, and `own` ones: this machine's, where mail would loop.
    """
    numeric = ip_address(address)
    if any(numeric in network for network in _NEVER if network.version == numeric.version):
        return False
    inner = _inner(numeric)
    if inner is not None and not allowed(str(inner), private=private, own=own):
        return False
    if private:
        return True
    if any(numeric in network for network in _PRIVATE if network.version == numeric.version):
        return False
    return str(numeric) not in own


def is_address(name: str) -> bool:
    """Whether a host's name is an address literal."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _inner(numeric: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one carries: what is connected to in the end."""
    if isinstance(numeric, IPv4Address):
        return None
    if numeric in _MAPPED or numeric in _NAT64:
        return IPv4Address(int(numeric) & 0xFFFFFFFF)
    if numeric in _SIX_TO_FOUR:
        return IPv4Address(int(numeric) >> 80 & 0xFFFFFFFF)
    return None
