"""A TCP proxy that misbehaves as it is told: it freezes, turns deaf, cuts, drips. It runs in a thread of its own."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_TURNS = 20
"""Turns of the loop after which whoever was just let in has a handler, and closed transports have let go of their sockets; a
pause would be one turn or a hundred, as busy as the machine is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How connections are treated. The first `times` of them (None: all); the others are passed on as they are.

    `cut_after`: reset when so many octets of the client were passed on. `drip`: seconds before each octet of an answer.
    `silent_after`: once the client has said this, no answer is passed on any more (empty: never one).
    """

    times: int | None = None
    cut_after: int | None = None
    drip: float = 0.0
    silent_after: bytes | None = None


class Proxy:
    """Listens on `port` (0: any) and passes on to `target`, a port of this machine."""

    def __init__(self, target: int, manner: Manner = Manner(times=0), port: int = 0) -> None:
        self.port = port
        self._target = target
        self._manner = manner
        self._count = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaf = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.port = self._do(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def freeze(self) -> None:
        """Pass nothing on, either way, and keep every connection."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def thaw(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.set)

    def turn_deaf(self) -> None:
        """Pass on what clients say, and lose what they are answered."""
        self._deaf = True

    def cut(self) -> None:
        """Reset every connection; new ones are welcome, and heard."""
        self._do(self._cut())

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self) -> int:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        return int(self._server.sockets[0].getsockname()[1])

    async def _close(self) -> None:
        self._server.close()
        await _turns()
        await self._cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await _turns()

    async def _cut(self) -> None:
        self._deaf = False
        for pair in list(self._pairs):
            _reset(pair)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._count += 1
        manner = self._manner if self._manner.times is None or self._count <= self._manner.times else Manner()
        with (
            closing(writer),  # though the target let nobody in, or all ended before it could
            suppress(OSError, asyncio.CancelledError),  # asyncio before 3.12 trips over a handler that was cancelled
        ):
            await self._flowing.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            pair = (writer, back)
            self._pairs.add(pair)
            hush = asyncio.Event()
            if manner.silent_after == b"":
                hush.set()
            ways = [
                asyncio.create_task(self._forth(reader, pair, manner, hush)),
                asyncio.create_task(self._back(there, writer, manner, hush)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                self._pairs.discard(pair)
                back.close()

    async def _forth(
        self,
        reader: asyncio.StreamReader,
        pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter],
        manner: Manner,
        hush: asyncio.Event,
    ) -> None:
        passed, said = 0, b""
        while data := await reader.read(4096):
            await self._flowing.wait()
            if manner.cut_after is not None and passed + len(data) > manner.cut_after:
                pair[1].write(data[: manner.cut_after - passed])
                await pair[1].drain()
                _reset(pair)
                return
            passed += len(data)
            said = (said + data)[-8192:]
            if manner.silent_after and manner.silent_after in said:
                hush.set()
            pair[1].write(data)
            await pair[1].drain()

    async def _back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, manner: Manner, hush: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            await self._flowing.wait()
            if hush.is_set() or self._deaf:
                continue
            for part in (data[n : n + 1] for n in range(len(data))) if manner.drip else [data]:
                await asyncio.sleep(manner.drip)
                writer.write(part)
            await writer.drain()


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _reset(pair: tuple[asyncio.StreamWriter, asyncio.StreamWriter]) -> None:
    for end in pair:
        bound = end.transport.get_extra_info("socket")
        with suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.transport.abort()


def through(url: str, port: int) -> str:
    """The same URL, by way of a proxy's port."""
    head, _, tail = url.rpartition(":")
    return f"{head}:{port}/{tail.partition('/')[2]}"
