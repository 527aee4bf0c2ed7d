"""A server that follows a script, and the files the scripts are in.

A dialogue file has a heading of `key: value` lines, an empty line, and one script for each connection, in the order they
come, parted by lines of `===`. A `#` begins a comment.

Heading: `expect` (once a mail, in order: `delivered 250 rcpt`, `refused 550 mail`, `broken garbage ehlo`, `doubtful body`),
`mails` (default 1; `together` sends them at once over one connection at most), `tls` (a policy), `test`, `login`,
`message` (`small`, `large`, `binary`, `eight-bit`), `hosts` (default 1), `limits` (`mail=0.1 dot=0.2`, seconds), `lost`
(the claim is lost).

Script: `S: text` says a line, `B: text` says octets as they are, `C: text` hears a line that begins so, `M:` hears a message
to its dot, `O: n` hears n octets; `! close`, `! reset`, `! eof` (closes its own direction), `! end` (hears the client close),
`! tls NAME`, `! alert` (answers the handshake with one), `! drip SECONDS text`, `! pause SECONDS`, `! flood text` (until
nobody listens).
In texts `\\xNN` is an octet and `{text*n}` is text n times.
"""

import asyncio
import hashlib
import os
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme

_TIMES = re.compile(r"\{(.*?)\*(\d+)\}")
_PATIENCE = 10.0


@dataclass(frozen=True)
class Dialogue:
    """One file."""

    heading: dict[str, list[str]]
    scripts: list[list[tuple[str, str]]]

    def get(self, key: str, default: str = "") -> str:
        return self.heading.get(key, [default])[0]

    @property
    def expected(self) -> list[str]:
        return self.heading["expect"]


def read(path: Path) -> Dialogue:
    heading: dict[str, list[str]] = {}
    scripts: list[list[tuple[str, str]]] = []
    lines = iter([line for line in path.read_text().splitlines() if not line.startswith("#")])
    for line in lines:
        if not line.strip():
            break
        key, _, value = line.partition(":")
        heading.setdefault(key.strip(), []).append(value.strip())
    scripts.append([])
    for line in lines:
        if line.startswith("==="):
            scripts.append([])
        elif line.strip():
            scripts[-1].append((line[0], line[1:].lstrip(":").strip()))
    return Dialogue(heading, [script for script in scripts if script])


def octets(text: str) -> bytes:
    spread = _TIMES.sub(lambda found: found[1] * int(found[2]), text)
    return spread.encode("latin-1").decode("unicode_escape").encode("latin-1")


@dataclass
class Certificates:
    """What servers show, and the authority that vouches for the good one."""

    authority: trustme.CA = field(default_factory=trustme.CA)
    shown: bytes = b""  # the digest of the one shown last

    def server(self, name: str) -> ssl.SSLContext:
        """`good` is the host's own, `other` another host's, `stranger` one of an unknown authority."""
        authority = trustme.CA() if name == "stranger" else self.authority
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued = authority.issue_cert("mx2.example" if name == "other" else "mx1.example")
        issued.configure_cert(context)
        self.shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())).digest()
        return context

    def client(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context


class Scripted:
    """Plays a dialogue's scripts, one to each connection; `faults` tells where a client went off them."""

    def __init__(self, scripts: list[list[tuple[str, str]]], certificates: Certificates) -> None:
        self.faults: list[str] = []
        self.messages: list[bytes] = []
        self._certificates = certificates
        self._scripts = iter(scripts)
        self._playing: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._listening is not None
        return int(self._listening.sockets[0].getsockname()[1])

    async def __aenter__(self) -> "Scripted":
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)  # a large message must not vanish in the system
        self._listening = await asyncio.start_server(self._met, sock=listening)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._listening is not None
        self._listening.close()
        if self._playing:
            await asyncio.wait(self._playing, timeout=_PATIENCE)
        for task in self._playing:
            self.faults.append("still playing")
            task.cancel()
        self.faults += ["a connection that never came"] * len(list(self._scripts))
        await self._listening.wait_closed()

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._playing.add(task)
        script = next(self._scripts, None)
        try:
            if script is None:
                self.faults.append("a connection too many")
            else:
                async with asyncio.timeout(_PATIENCE):
                    await _Play(reader, writer, self).run(script)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, AssertionError) as fault:
            self.faults.append(f"{type(fault).__name__}: {fault}")
        finally:
            writer.transport.abort()
            self._playing.discard(task)


class _Play:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: Scripted) -> None:
        self._reader, self._writer, self._server = reader, writer, server

    async def run(self, script: list[tuple[str, str]]) -> None:
        for letter, text in script:
            match letter:
                case "S":
                    self._writer.write(octets(text) + b"\r\n")
                case "B":
                    self._writer.write(octets(text))
                case "C":
                    line = (await self._reader.readline()).decode()
                    assert line.startswith(text), f"heard {line!r} instead of {text!r}"
                    assert line.endswith("\r\n"), f"not a line: {line!r}"
                case "M":
                    self._server.messages.append(await self._message())
                case "O":
                    self._server.messages.append(await self._reader.readexactly(int(text)))
                case "!":
                    word, _, rest = text.partition(" ")
                    await getattr(self, f"_{word}")(rest)
                case _:
                    raise AssertionError(f"no such direction: {letter}")

    async def _message(self) -> bytes:
        lines = []
        while not lines or lines[-1] not in (b".\r\n", b""):
            lines.append(await self._reader.readline())
        return b"".join(lines)

    async def _close(self, _: str) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def _eof(self, _: str) -> None:
        self._writer.write_eof()

    async def _reset(self, _: str) -> None:
        await asyncio.wait_for(self._writer.drain(), _PATIENCE)
        with socket.socket(fileno=os.dup(self._writer.get_extra_info("socket").fileno())) as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def _end(self, _: str) -> None:
        """Hears out a client that leaves, in whichever way."""
        try:
            while await self._reader.read(65536):
                pass
        except OSError:
            pass

    async def _tls(self, name: str) -> None:
        try:
            await self._writer.start_tls(self._server._certificates.server(name))
        except OSError:
            self._writer.transport.abort()  # the client did not like the certificate

    async def _alert(self, _: str) -> None:
        await self._reader.readexactly(5)
        self._writer.write(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal, handshake_failure
        await self._end("")

    async def _drip(self, text: str) -> None:
        pause, _, rest = text.partition(" ")
        for octet in octets(rest):
            self._writer.write(bytes([octet]))
            await asyncio.sleep(float(pause))

    async def _pause(self, text: str) -> None:
        await asyncio.sleep(float(text))

    async def _flood(self, text: str) -> None:
        wave = octets(text)
        try:
            while not self._writer.transport.is_closing():
                self._writer.write(wave)
                await self._writer.drain()
        except OSError:
            pass


def sockets() -> int:
    """Sockets this process has open."""
    return sum(path.readlink().name.startswith("socket:") for path in _descriptors())


def _descriptors() -> Iterator[Path]:
    for path in Path("/proc/self/fd").iterdir():
        if path.is_symlink():
            yield path
