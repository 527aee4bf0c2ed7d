"""Signing beside the event loop: the RSA step, which is most of it, leaves the GIL, so threads scale with the cores.

A hop to a thread and back costs about a seventh of a signature; so what one turn of the loop brings goes there together, and
what has gathered while all threads were busy. Where up to eight signatures are made at once (`mta.signing.multibuffer`) fewer
wait until the threads at work are back: they cost as much as eight.
"""

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from msgspec import Struct

from mta.signing.key import Key
from mta.signing.keyring import Keyring, NoKey
from mta.signing.multibuffer import LANES, library
from mta.signing.signature import sign_all

_TOGETHER = LANES
"""Messages that go to a thread at once at most: the first of them waits for the last."""


class _Wanted(Struct, frozen=True):
    """A message waiting for its signatures, and for whom."""

    octets: bytes
    keys: Sequence[Key]
    now: float
    signed: asyncio.Future[bytes]


class Signer:
    """Chooses keys and signs. Safe to share between tasks of one event loop."""

    def __init__(self, keyring: Keyring, threads: int | None = None) -> None:
        """`threads`: how many signatures are made at the same time; by default one for each core."""
        self._keyring = keyring
        self._count = self._idle = threads or os.cpu_count() or 1
        self._in_lanes = not isinstance(library(), str)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="dkim")
        self._waiting: deque[_Wanted] = deque()

    def choose(self, author: str, names: Sequence[str], now: float) -> tuple[Key, ...] | NoKey:
        """See `Keyring.choose`. Looks at the key files now and then, which takes moments."""
        return self._keyring.choose(author, names, now)

    async def sign(self, octets: bytes, keys: Sequence[Key], now: float) -> bytes:
        """`octets` with a signature by each of `keys`; `now` in POSIX seconds."""
        if not keys:
            return octets
        loop = asyncio.get_running_loop()
        wanted = _Wanted(octets, keys, now, loop.create_future())
        self._waiting.append(wanted)
        if len(self._waiting) in (1, _TOGETHER):
            loop.call_soon(self._begin)
        return await wanted.signed

    def close(self) -> None:
        """Let what is being signed end; take nothing more."""
        while self._waiting:
            self._waiting.popleft().signed.cancel()
        self._threads.shutdown(wait=False)

    def _begin(self) -> None:
        """Give every idle thread its share of what waits."""
        while self._waiting and self._idle and (share := self._share(len(self._waiting))):
            self._idle -= 1
            batch = [self._waiting.popleft() for _ in range(share)]
            running = asyncio.get_running_loop().run_in_executor(self._threads, _sign, batch)
            running.add_done_callback(partial(self._ended, batch))

    def _share(self, waiting: int) -> int:
        """How many of those that wait go to the next idle thread now."""
        if not self._in_lanes:
            return min(_TOGETHER, -(-waiting // self._count))
        alone = self._idle == self._count
        return min(_TOGETHER, waiting) if alone or waiting >= _TOGETHER else 0

    def _ended(self, batch: Sequence[_Wanted], done: asyncio.Future[list[bytes]]) -> None:
        self._idle += 1
        fault = None if done.cancelled() else done.exception()
        for number, wanted in enumerate(batch):
            if wanted.signed.done():
                continue  # whoever asked has gone
            if done.cancelled():
                wanted.signed.cancel()
            elif fault:
                wanted.signed.set_exception(fault)
            else:
                wanted.signed.set_result(done.result()[number])
        self._begin()


def _sign(batch: Sequence[_Wanted]) -> list[bytes]:
    return sign_all([(wanted.octets, wanted.keys, wanted.now) for wanted in batch])
