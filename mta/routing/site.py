"""The site behind a set of MX hosts: the mail system whose limits are shared by all domains it serves.

A site is named by the registrable domains of its hosts, so that mx1.example.net and mx2.example.net are one site
`example.net` for every domain hosted there, and a domain that lists other hosts besides is a site of its own. Providers
that spread one system over several domains, or keep separate systems under one, are listed by name.
"""

import hashlib
import ipaddress
from collections.abc import Iterable

# Host name suffix -> site. Facts from the providers' own MX records; the longest suffix wins.
_SYSTEMS = {
    "google.com": "google.com",
    "googlemail.com": "google.com",
    "olc.protection.outlook.com": "olc.protection.outlook.com",
    "mail.protection.outlook.com": "mail.protection.outlook.com",
    "mail.eo.outlook.com": "mail.protection.outlook.com",
    "mx.microsoft": "mail.protection.outlook.com",
    "icloud.com": "icloud.com",
    "mail.icloud.com": "icloud.com",
    "mx.yandex.net": "yandex.net",
    "yandex.ru": "yandex.net",
    "mx.mail.ru": "mail.ru",
    "gmx.net": "gmx.net",
    "web.de": "gmx.net",
    "kundenserver.de": "kundenserver.de",
    "mimecast.com": "mimecast.com",
    "mimecast.co.za": "mimecast.com",
}

# Second-level names under which country registries sell, and hosters under whose names each customer has machines of
# their own: there, one more label makes the registrable domain (the idea of the Public Suffix List, in short).
_SHARED_SECOND = (
    " ac ad asn co com ed edu fed firm gen go gob gouv gov gv id info ltd me mil ne net nic nom or org plc sch web "
)
_SUFFIXES = frozenset(
    (
        "bc.googleusercontent.com",
        "cloudapp.azure.com",
        "cloudapp.net",
        "compute-1.amazonaws.com",
        "compute.amazonaws.com",
        "ddns.net",
        "duckdns.org",
        "dyndns.org",
        "dynv6.net",
        "linodeusercontent.com",
        "no-ip.org",
        "vultrusercontent.com",
        "your-server.de",
    )
)
_SHOWN = 3


def site_of(hosts: Iterable[str]) -> str:
    """The name of the site served by these hosts (names or address literals, lower case, any order; at least one)."""
    systems = sorted({system_of(host) for host in hosts})
    if len(systems) <= _SHOWN:
        return "+".join(systems)
    rest = hashlib.blake2b("+".join(systems).encode(), digest_size=4).hexdigest()
    return "+".join((*systems[:_SHOWN], rest))


def system_of(host: str) -> str:
    """The mail system a single host belongs to: a listed one, or its registrable domain."""
    if _literal(host):
        return host
    labels = host.split(".")
    for start in range(len(labels)):
        if system := _SYSTEMS.get(".".join(labels[start:])):
            return system
    return ".".join(labels[-_registrable(labels) :])


def _registrable(labels: list[str]) -> int:
    """How many labels, from the right, somebody could register."""
    for count in (4, 3, 2):
        if ".".join(labels[-count:]) in _SUFFIXES:
            return count + 1
    country = len(labels[-1]) == 2
    return 3 if country and len(labels) > 2 and f" {labels[-2]} " in _SHARED_SECOND else 2


def _literal(host: str) -> bool:
    """Whether a host is an address, with or without a port."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.rpartition(":")[0] or host
    for candidate in (host, name):
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        return True
    return False
