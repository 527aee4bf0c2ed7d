"""Bytes to replies: aiosmtplib's protocol class, made to expect several replies at once (RFC 2920)."""

import asyncio
import collections

from aiosmtplib.protocol import SMTPProtocol

from mta.reply import Reply, clean

MAX_LINE = 8192
MAX_REPLY = 4 * MAX_LINE


class Gone(Exception):
    """The connection ended before a reply; the text says how."""


class Garbage(Exception):
    """What came is no reply; the connection is of no more use."""


class Wire(SMTPProtocol):
    """One connection. Replies queue up in the order they come; `expected` counts those that are still owed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.expected = 1  # the greeting
        self.raw: tuple[str, ...] = ()  # the lines of the newest reply, for EHLO
        self._replies: collections.deque[tuple[Reply, tuple[str, ...]]] = collections.deque()
        self._fault: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._buffer.extend(data)
        try:
            while (found := take_reply(self._buffer)) is not None:
                if self.expected == 0:
                    if found[0].code == 421:
                        raise Gone(found[0].line)
                    raise Garbage(f"a reply to nothing: {found[0].line}")
                self.expected -= 1
                self._replies.append(found)
        except (Garbage, Gone) as fault:
            self._end(fault)
        self._wake()

    def eof_received(self) -> bool:
        self._end(Gone("the server closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._end(Gone(f"the connection was lost: {exc or 'closed'}"))

    def send(self, data: bytes, replies: int) -> None:
        """Write; so many replies are owed then."""
        self.expected += replies
        if self._fault is None and self.transport is not None:
            self.transport.write(data)  # type: ignore[attr-defined]

    async def reply(self, seconds: float) -> Reply:
        """The next reply.

        Raises:
            TimeoutError: none came in time.
            Gone, Garbage: none will come.
        """
        async with asyncio.timeout(seconds):
            while not self._replies:
                if self._fault is not None:
                    raise self._fault
                self._reader = self._loop.create_future()
                await self._reader
        reply, self.raw = self._replies.popleft()
        return reply

    async def drained(self, seconds: float) -> None:
        """Wait until what was written is on its way."""
        async with asyncio.timeout(seconds):
            try:
                await self._drain_helper()
            except ConnectionError as fault:
                raise Gone(str(fault)) from None

    @property
    def usable(self) -> bool:
        return self._fault is None and self.is_connected

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]

    def _end(self, fault: Exception) -> None:
        if self._fault is None:
            self._fault = fault
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def take_reply(buffer: bytearray) -> tuple[Reply, tuple[str, ...]] | None:
    """Cut the first whole reply off `buffer` (RFC 5321 section 4.2.1); None while it is not whole.

    Raises:
        Garbage: it never will be one.
    """
    lines: list[str] = []
    code, offset = b"", 0
    while (end := buffer.find(b"\n", offset)) >= 0:
        line = bytes(buffer[offset:end]).rstrip(b"\r")
        offset = end + 1
        if len(line) > MAX_LINE or offset > MAX_REPLY:
            raise Garbage("a reply that is too long")
        if not (line[:3].isdigit() and b"200" <= line[:3] <= b"599" and line[3:4] in (b" ", b"-", b"")):
            raise Garbage(f"no SMTP reply: {clean(line[:80].decode('utf-8', 'surrogateescape'))}")
        if code and line[:3] != code:
            raise Garbage(f"one reply with two codes: {code.decode()} and {line[:3].decode()}")
        code = line[:3]
        lines.append(line[4:].decode("utf-8", "surrogateescape"))
        if line[3:4] != b"-":
            del buffer[:offset]
            return Reply(int(code), clean("\n".join(lines))), tuple(lines)
    if len(buffer) > MAX_REPLY or (len(buffer) - offset) > MAX_LINE:
        raise Garbage("a reply that is too long")
    return None
