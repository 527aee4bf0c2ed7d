"""A DNS server on loopback that answers by script: what a zone holds, and every way a nameserver can fail."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass(frozen=True)
class Fails:
    """Answers with a response code ("SERVFAIL", "REFUSED", "NXDOMAIN")."""

    code: str


@dataclass(frozen=True)
class Silent:
    """Never answers."""


@dataclass(frozen=True)
class Truncated:
    """Over UDP only a truncated answer; over TCP the whole one, if `then` is not None."""

    then: tuple[str, ...] | None


Script = tuple[str, ...] | Fails | Silent | Truncated
"""What is said about one name and type: records as text (none: the name exists, without any), or a failure."""


@dataclass
class Nameserver:
    """`zone` maps "name TYPE" to what is answered; names of which nothing is known do not exist. A list is answered one by
    one, the last for ever. `secure`: names answered with the AD bit."""

    zone: Mapping[str, Script | list[Script]]
    ttl: int = 300
    secure: frozenset[str] = frozenset()
    asked: Counter[str] = field(default_factory=Counter)
    address: str = ""

    def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        response = dns.message.make_response(query, recursion_available=True)
        question = query.question[0]
        name, kind = str(question.name).rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        if not self._tell(response, name, kind, tcp=tcp):
            return None
        if name in self.secure:
            response.flags |= dns.flags.AD
        return response.to_wire(max_size=65535 if tcp else 0, prefer_truncation=True)

    def _tell(self, response: dns.message.Message, name: str, kind: str, *, tcp: bool) -> bool:
        for _ in range(20):
            script = self._script(name, kind)
            alias = None if script is not None or kind == "CNAME" else self._script(name, "CNAME")
            match alias if alias is not None else script:
                case Silent():
                    return False
                case Fails(code):
                    response.set_rcode(dns.rcode.from_text(code))
                case Truncated(then):
                    if tcp and then is None:
                        return False
                    if not tcp:
                        response.flags |= dns.flags.TC
                    elif then:
                        self._add(response, name, kind, then)
                case (target,) if alias is not None:
                    self._add(response, name, "CNAME", (target,))
                    name = target.rstrip(".")
                    continue
                case tuple(records):
                    if records:
                        self._add(response, name, kind, records)
                case None:
                    exists = any(key.split()[0] == name for key in self.zone)
                    response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
            return True
        return True

    def _script(self, name: str, kind: str) -> Script | None:
        key = f"{name} {kind}"
        script = self.zone.get(key)
        self.asked[key] += 1
        if isinstance(script, list):
            return script[min(self.asked[key], len(script)) - 1]
        return script

    def _add(self, response: dns.message.Message, name: str, kind: str, records: tuple[str, ...]) -> None:
        response.answer.append(dns.rrset.from_text(dns.name.from_text(name), self.ttl, "IN", kind, *records))


@asynccontextmanager
async def serving(nameserver: Nameserver) -> AsyncIterator[Nameserver]:
    """The nameserver on UDP and TCP at `nameserver.address` ("127.0.0.1:port")."""
    loop = asyncio.get_running_loop()
    udp, tcp = _sockets()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(nameserver.answer), sock=udp)
    server = await asyncio.start_server(lambda r, w: _tcp(nameserver, r, w), sock=tcp)
    nameserver.address = f"127.0.0.1:{udp.getsockname()[1]}"
    try:
        yield nameserver
    finally:
        transport.close()
        server.close()
        await server.wait_closed()


def _sockets() -> tuple[socket.socket, socket.socket]:
    """For UDP and TCP, on a port that is free for both."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, answer: Callable[..., bytes | None]) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # not declared as one before Python 3.12

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if (reply := self._answer(data, tcp=False)) is not None:
            self._transport.sendto(reply, addr)


async def _tcp(nameserver: Nameserver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    size = int.from_bytes(await reader.readexactly(2), "big")
    reply = nameserver.answer(await reader.readexactly(size), tcp=True)
    if reply is not None:
        writer.write(len(reply).to_bytes(2, "big") + reply)
        await writer.drain()
    writer.close()
    await writer.wait_closed()
