"""A receiving site that counts what it is asked to bear: connections at a time, and when each message came."""

import asyncio
import socket
import threading
import time
from asyncio.trsock import TransportSocket
from collections.abc import Iterator
from contextlib import contextmanager

_ESTABLISHED = 1
"""TCP_ESTABLISHED of linux/tcp.h, in the first octet of TCP_INFO."""


class CountingSite:
    """Takes everything, each message after `delay` seconds; more than `most` connections are refused. Runs in a thread of
    its own. `times`: when each message's MAIL came."""

    def __init__(self, delay: float = 0.0, most: int | None = None) -> None:
        self.delay = delay
        self.most = most
        self.port = 0
        self.peak = 0
        self.refused = 0
        self.times: list[float] = []
        self.recipients: list[str] = []
        self._sockets: set[TransportSocket] = set()

    @property
    def open(self) -> int:
        """Connections that nobody has closed. One that the other end gave up while this one still thought about its message
        is none any more."""
        return sum(map(_is_open, list(self._sockets)))

    def busiest(self, seconds: float) -> int:
        """Messages in the busiest stretch of so many seconds."""
        first, most = 0, 0
        for last, at in enumerate(self.times):
            while self.times[first] < at - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.most is not None and self.open >= self.most:
            self.refused += 1
            writer.write(b"421 4.7.0 Too many connections from your address\r\n")
            writer.close()
            return
        connection: TransportSocket = writer.get_extra_info("socket")
        self._sockets.add(connection)
        self.peak = max(self.peak, self.open)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, EOFError):
            pass
        finally:
            self._sockets.discard(connection)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 counting ESMTP\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"MAIL":
                self.times.append(time.monotonic())
            elif verb == b"RCPT":
                self.recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                await asyncio.sleep(self.delay)
            writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 Ok\r\n")
            if verb == b"QUIT":
                return


def _is_open(connection: TransportSocket) -> bool:
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:  # closed on both sides
        return False


@contextmanager
def counting(site: CountingSite) -> Iterator[CountingSite]:
    """The site at work, for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(site.serve, "127.0.0.1", 0, limit=1 << 20)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
