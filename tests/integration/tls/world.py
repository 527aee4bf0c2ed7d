"""A small world that publishes TLS policies: signed DNS, a policy's web server, a mail server; and a sender in it."""

import asyncio
import ssl
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from time import time

from structlog.testing import capture_logs

from mta.attempt import Attempt, Broken, Delivered
from mta.envelope import Envelope
from mta.lane import Lane, Source
from mta.routing import Policy, Routing
from mta.routing.book import PolicyBook
from mta.routing.cache import Cache
from mta.routing.https import PolicyFetch
from mta.routing.resolver import Resolver
from mta.routing.route import Host, Route
from mta.routing.routes import Entry, Routes
from mta.routing.securities import AsPublished
from mta.smtp import Mail, Offers
from mta.smtp.pool import Pool
from mta.tlsrpt.ledger import Ledger
from mta.traffic.rule import Rule, Timeouts, TlsPolicy
from tests.integration.tls.certificates import served, trusting
from tests.nameserver import Nameserver, Script, serving
from tests.services.unbound import unbound
from worker.sink import Sink

DOMAIN, MX, ALIAS = "example.net", "mx.example.net", "alias.example.net"
SOURCE = Source(pool="default", helo="client.example")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a world begins. `smtp` and `web`: the certificates shown, by kind (see `certificates.chain`), or None: no
    STARTTLS, nobody there. `file`: the policy's. `unsigned`: names whose zone is not signed. `tlsa`: what is said."""

    smtp: str | None = "good"
    web: str | None = "good"
    file: str | None = None
    tlsa: Script | None = None
    unsigned: frozenset[str] = frozenset()
    smart_host: bool = False


@dataclass
class World:
    """What can be changed while it goes on, and the sender: `now` is the clock of its memories, in seconds."""

    sink: Sink
    nameserver: Nameserver
    zone: MutableMapping[str, Script]
    files: dict[str, str]
    pool: Pool = field(init=False)
    routing: Routing = field(init=False)
    ledger: Ledger = field(default_factory=Ledger)
    now: float = 1000.0
    fetched: int = 0
    most: int = 100  # messages per connection

    async def send(self, tls: str, domain: str = DOMAIN) -> Attempt:
        route = await self.routing.route(domain)
        assert isinstance(route, Route), route
        rule = Rule(
            name="x",
            connections=2,
            messages_per_connection=self.most,
            tls=TlsPolicy(tls),
            timeouts=Timeouts(connect=5.0),
        )
        mail = Mail(envelope=Envelope("a@example.com", f"r@{domain}"), compose=_compose)
        return await self.pool.send(mail, Lane(SOURCE, route.site), route, rule, _yes)

    async def outcome(self, tls: str, domain: str = DOMAIN) -> str:
        """One mail, and what became of it: `delivered AUTH` or the trouble; and what the log has to tell."""
        before = len(self.sink.mails)
        with capture_logs() as told:
            attempt = await self.send(tls, domain)
        taken = self.sink.mails[before:]
        testing = " +sts_testing" if any(each["event"] == "sts_testing" for each in told) else ""
        match attempt.ending:
            case Delivered():
                (mail,) = taken
                used = attempt.path.tls
                assert (mail.tls is None) == (used is None)
                return f"delivered {used.auth if used else 'clear'}{testing}"
            case Broken(trouble):
                assert not taken
                return f"{trouble}{testing}"
            case other:
                return f"{type(other).__name__}{testing}"


async def _compose(_: Offers) -> bytes:
    return b"Subject: x\r\n\r\nx\r\n"


async def _yes() -> bool:
    return True


@asynccontextmanager
async def world(setting: Setting, *, validating: bool = False) -> AsyncIterator[World]:
    """With `validating` a real resolver stands in front of a zone that is signed, or as good as not."""
    async with AsyncExitStack() as stack:
        stack.enter_context(trusting())
        tls = served(setting.smtp, MX) if setting.smtp else None
        sink = await stack.enter_async_context(Sink(keep=True, tls=tls))
        zone = _zone(setting, sink.port)
        secure = frozenset(key.split()[0] for key in zone) - setting.unsigned
        nameserver = await stack.enter_async_context(serving(Nameserver(zone, secure=secure)))
        made = World(sink, nameserver, zone, {} if setting.file is None else {f"mta-sts.{DOMAIN}": setting.file})
        port = await _web(stack, setting.web, made) if setting.web else 9
        address = nameserver.address
        if validating:
            address = stack.enter_context(unbound(zone, DOMAIN, anchored=not setting.unsigned))
        dns = Cache(Resolver([address], 3.0 if validating else 0.5), lambda: made.now)
        entries = [Entry(domain=DOMAIN, hosts=(Host(MX, sink.port, configured=True),))] if setting.smart_host else []
        made.routing = Routing(Routes(entries), dns, Policy(port=sink.port, allow_private_mx=True), Random(1))
        fetch = PolicyFetch(made.routing.addresses, ssl.create_default_context(), port)
        book = PolicyBook(dns, fetch, lambda: made.now)
        made.pool = Pool(made.routing.addresses, time, AsPublished(dns, book, made.ledger.note))
        yield made
        await made.pool.close()
        await dns.close()


def _zone(setting: Setting, port: int) -> dict[str, Script]:
    zone: dict[str, Script] = {
        f"{DOMAIN} MX": (f"10 {MX}.",),
        f"{MX} A": ("127.0.0.1",),
        f"{MX} AAAA": (),
        f"{ALIAS} CNAME": (f"{MX}.",),
        f"mta-sts.{DOMAIN} A": ("127.0.0.1",),
    }
    if setting.file is not None:
        zone[f"_mta-sts.{DOMAIN} TXT"] = ('"v=STSv1; id=1;"',)
    if setting.tlsa is not None:
        zone[f"_{port}._tcp.{MX} TLSA"] = setting.tlsa
    return zone


async def _web(stack: AsyncExitStack, kind: str, made: World) -> int:
    """The web server of every policy in `made.files`; its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        name = request.partition("Host: ")[2].partition("\r\n")[0].partition(":")[0]
        made.fetched += 1
        body = made.files.get(name)
        head = "404 Not Found" if body is None else "200 OK"
        text = f"HTTP/1.1 {head}\r\nContent-Type: text/plain\r\nContent-Length: {len(body or '')}\r\n\r\n{body or ''}"
        writer.write(text.encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served(kind, f"mta-sts.{DOMAIN}"))
    await stack.enter_async_context(server)
    port: int = server.sockets[0].getsockname()[1]
    return port
