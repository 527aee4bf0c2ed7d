"""The seams towards the world outside, built from the settings."""

import random
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from feedback.qualifier import Qualifier
from mta.envelope import Domain, Mailbox, a_form, parse_mailbox
from mta.lane import Source
from mta.routing.book import PolicyBook
from mta.routing.cache import Cache
from mta.routing.https import PolicyFetch
from mta.routing.resolver import Resolver
from mta.routing.route import Host, Login
from mta.routing.routes import Entry, Routes, parse_host
from mta.routing.routing import Policy, Routing
from mta.routing.securities import AsPublished
from mta.signing.key import KeyFile
from mta.signing.keyring import Keyring
from mta.signing.signer import Signer
from mta.smtp.pool import Pool
from mta.tlsrpt.ledger import Ledger
from mta.tlsrpt.report import Reporter
from mta.traffic.gate import LaneGate
from mta.traffic.rules import Rules, RulesInForce
from worker import adapters
from worker.delivery import Outside
from worker.orders.view import Orders
from worker.preparation import Preparation
from worker.reading import Reading
from worker.reload import read, read_traffic
from worker.settings import BadSettings, RouteEntry, Settings

Intents = Callable[[tuple[str, int]], Awaitable[bool]]


def build(
    settings: Settings, reading: Reading, intend: Intents, rng: random.Random, ledger: Ledger | None = None
) -> Outside:
    """All of them but the preparation. `ledger` counts what becomes of TLS, for reports."""
    ways = routing(settings, rng)
    fetch = PolicyFetch(ways.addresses, ssl.create_default_context())
    book = PolicyBook(ways.dns, fetch, time.time, adapters.policy_store(settings))
    securities = AsPublished(ways.dns, book, ledger.note) if ledger else AsPublished(ways.dns, book)
    seams = Outside(
        routing=ways,
        rules=RulesInForce(rules(settings)),
        gate=LaneGate(beside=2),
        relay=Pool(ways.addresses, securities=securities),
        reading=reading,
        orders=Orders(adapters.order_book(settings), time.time),
        intend=intend,
        policies=book,
    )
    return replace(seams, watch=ledger.count) if ledger else seams


def qualifier(settings: Settings) -> Qualifier:
    """The operator's rules before the built-in ones.

    Raises:
        BadSettings: they are not in order; with every fault.
    """
    if not settings.feedback.rules:
        return Qualifier.stock()
    found = read(settings.feedback.rules)
    if isinstance(found, list):
        raise BadSettings([f"feedback.rules: {fault}" for fault in found])
    return found


def rules(settings: Settings) -> Rules:
    """The operator's traffic rules before the built-in ones.

    Raises:
        BadSettings: they are not in order; with every fault.
    """
    found = read_traffic(settings.traffic.rules)
    if isinstance(found, list):
        raise BadSettings([f"traffic.rules: {fault}" for fault in found])
    return found


def routing(settings: Settings, rng: random.Random) -> Routing:
    """Configured routes before DNS."""
    faults: list[str] = []
    entries = [_entry(number, entry, faults) for number, entry in enumerate(settings.route)]
    try:
        resolver = Resolver(settings.dns.nameservers)
    except ValueError as fault:
        faults.append(f"dns.nameservers: {fault}")
    if faults:
        raise BadSettings(faults)
    sources = [source for pool in pools(settings).values() for source in pool]
    policy = Policy(
        port=settings.smtp.port,
        allow_private_mx=settings.dns.allow_private_mx,
        own_names={source.helo.lower() for source in sources},
        own_addresses=own_addresses(sources),
    )
    return Routing(Routes(entries), Cache(resolver, time.monotonic), policy, rng)


def own_addresses(sources: Iterable[Source]) -> set[str]:
    """Where mail to this sender would arrive: its source addresses and, where the system chooses, those it chooses for the
    way to the world (the addresses asked about are nobody's, and nothing is sent to them)."""
    found: set[str] = set()
    for source in sources:
        found.update([source.address] if source.address else _chosen("192.0.2.1") + _chosen("2001:db8::1"))
    return found


def _chosen(towards: str) -> list[str]:
    """The address that the system would send from to another, if it knows a way there."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in towards else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((towards, 9))
            return [str(probe.getsockname()[0])]
    except OSError:
        return []


def _entry(number: int, entry: RouteEntry, faults: list[str]) -> Entry:
    hosts = []
    for text in entry.hosts:
        host = parse_host(text)
        if isinstance(host, Host):
            hosts.append(host)
        else:
            faults.append(f"route[{number}].hosts: {host}")
    login = None
    if entry.username is not None and entry.password is not None:
        login = Login(entry.username, entry.password.get_secret_value())
    return Entry(domain=entry.domain, hosts=tuple(hosts), site=entry.site, tls=entry.tls, login=login)


def preparation(settings: Settings) -> Preparation:
    """Pools and keys.

    Raises:
        BadSettings: a key file cannot be used.
    """
    keyring = Keyring(_key_files(settings), optional=settings.signing.without_key == "unsigned" or not settings.dkim)
    if faults := keyring.faults(0.0):
        raise BadSettings(faults)
    return Preparation(pools(settings), Signer(keyring))


def reporter(settings: Settings, worker: str) -> Reporter:
    """Who reports on TLS: the organisation, by this worker."""
    wanted = settings.tls_report
    mailbox = parse_mailbox(wanted.mail_from)
    assert isinstance(mailbox, Mailbox)  # the settings have seen to it
    return Reporter(organisation=wanted.organisation, contact=wanted.contact, mailbox=mailbox, name=worker)


def pools(settings: Settings) -> Mapping[str, Sequence[Source]]:
    """The egress pools by name; without any, one called `default` whose source is the system's choice."""
    if not settings.pool:
        return {"default": (Source(pool="default", helo=settings.smtp.helo),)}
    return {
        pool.name: tuple(
            Source(
                pool=pool.name,
                helo=entry.helo or settings.smtp.helo,
                address=entry.address,
                weight=entry.weight,
                ramp=entry.ramp,
            )
            for entry in pool.source
        )
        for pool in settings.pool
    }


def _key_files(settings: Settings) -> list[KeyFile]:
    files, faults = [], []
    for number, entry in enumerate(settings.dkim):
        match a_form(entry.domain):
            case Domain(name):
                files.append(KeyFile(name, entry.selector, Path(entry.key_file)))
            case fault:
                faults.append(f"dkim[{number}].domain {fault}")
    if faults:
        raise BadSettings(faults)
    return files
