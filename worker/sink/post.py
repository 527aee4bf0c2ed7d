"""Replies on their way, which takes as long as a round trip to a distant site would."""

import asyncio
from collections import deque


class Post:
    """Writes to a transport, each write `latency` seconds late and in order; the first a round trip later than that, for
    connecting takes one too."""

    def __init__(self, latency: float) -> None:
        self._latency = latency
        self._trips = 2
        self._last = 0.0
        self._transport: asyncio.Transport | None = None
        self._under_way: deque[bytes | None] = deque()  # None: the end
        self._empty = asyncio.Event()
        self._empty.set()

    def to(self, transport: asyncio.Transport) -> None:
        """Deliver to this transport from now on."""
        self._transport = transport

    def write(self, octets: bytes) -> None:
        self._send(octets)

    def close(self) -> None:
        """Close behind what is under way."""
        self._send(None)

    async def delivered(self) -> None:
        """Nothing is under way."""
        await self._empty.wait()

    def _send(self, octets: bytes | None) -> None:
        self._under_way.append(octets)
        if self._latency <= 0:
            self._arrive()
            return
        self._empty.clear()
        loop = asyncio.get_running_loop()
        self._last = max(self._last, loop.time() + self._trips * self._latency)
        loop.call_at(self._last, self._arrive)
        self._trips = 1

    def _arrive(self) -> None:
        octets = self._under_way.popleft()
        if not self._under_way:
            self._empty.set()
        if self._transport is None:
            return
        if octets is None:
            self._transport.close()
        elif not self._transport.is_closing():
            self._transport.write(octets)
