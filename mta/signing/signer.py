"""Signing beside the event loop: the RSA step, which is most of it, leaves the GIL, so threads scale with the cores.

All else is done in the loop, where the message has just been put together: in a thread it would wait for the GIL, and the
loop for it. Only large messages are hashed in a thread too.

A hop to a thread and back costs about a seventh of a signature; so what one turn of the loop brings goes there together, and
what has gathered while all threads were busy. Where up to eight signatures are made at once (`mta.signing.multibuffer`) fewer
wait until the threads at work are back, and a moment for each other: they cost as much as eight.
"""

import asyncio
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from msgspec import Struct

from mta.signing.key import Key
from mta.signing.keyring import Keyring, NoKey
from mta.signing.multibuffer import LANES, library, sign_together
from mta.signing.signature import hashed

_TOGETHER = LANES
"""Messages that go to a thread at once at most: the first of them waits for the last."""

_LARGE = 64 * 1024
"""Octets of a message that is worth a hop for its hash."""

_LINGER, _BUSY = 0.01, 2
"""Seconds that the first of a batch waits for company, where so many have come together before: eight cost what three do, and
all of this passes while the mails before are on the way to their servers."""


class _Wanted(Struct, frozen=True):
    """Signatures of one message, and who waits for them."""

    digests: Sequence[tuple[Key, bytes]]
    made: asyncio.Future[list[bytes]]


class Signer:
    """Chooses keys and signs. Safe to share between tasks of one event loop."""

    def __init__(self, keyring: Keyring, threads: int | None = None) -> None:
        """`threads`: by default one for each core; one where each signs eight at once, which leaves the loop behind."""
        self._keyring = keyring
        self._in_lanes = not isinstance(library(), str)
        self._count = self._idle = threads or (1 if self._in_lanes else os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="dkim")
        self._waiting: deque[_Wanted] = deque()
        self._company: asyncio.Handle | None = None
        self._busy = False

    def choose(self, author: str, names: Sequence[str], now: float) -> tuple[Key, ...] | NoKey:
        """See `Keyring.choose`. Looks at the key files now and then, which takes moments."""
        return self._keyring.choose(author, names, now)

    async def sign(self, octets: bytes, keys: Sequence[Key], now: float) -> bytes:
        """`octets` with a signature by each of `keys`; `now` in POSIX seconds."""
        if not keys:
            return octets
        loop = asyncio.get_running_loop()
        if len(octets) > _LARGE:
            message = await loop.run_in_executor(self._threads, hashed, octets, keys, now)
        else:
            message = hashed(octets, keys, now)
        wanted = _Wanted(message.digests, loop.create_future())
        self._waiting.append(wanted)
        if len(self._waiting) == _TOGETHER:
            loop.call_soon(self._begin)
        elif len(self._waiting) == 1:
            self._company = loop.call_later(_LINGER, self._enough) if self._busy else loop.call_soon(self._enough)
        return message.signed(await wanted.made)

    def close(self) -> None:
        """Let what is being signed end; take nothing more."""
        while self._waiting:
            self._waiting.popleft().made.cancel()
        self._threads.shutdown(wait=False)

    def _enough(self) -> None:
        """No more company is waited for."""
        self._company = None
        self._begin()

    def _begin(self) -> None:
        """Give every idle thread its share of what waits."""
        while self._waiting and self._idle and (share := self._share(len(self._waiting))):
            self._idle -= 1
            self._busy = self._in_lanes and share >= _BUSY
            batch = [self._waiting.popleft() for _ in range(share)]
            running = asyncio.get_running_loop().run_in_executor(self._threads, _sign, batch)
            running.add_done_callback(partial(self._ended, batch))
        if self._company and not self._waiting:
            self._company.cancel()
            self._company = None

    def _share(self, waiting: int) -> int:
        """How many of those that wait go to the next idle thread now."""
        if not self._in_lanes:
            return min(_TOGETHER, -(-waiting // self._count))
        if waiting >= _TOGETHER:
            return _TOGETHER
        return waiting if self._company is None and self._idle == self._count else 0

    def _ended(self, batch: Sequence[_Wanted], done: asyncio.Future[list[list[bytes]]]) -> None:
        self._idle += 1
        fault = None if done.cancelled() else done.exception()
        for number, wanted in enumerate(batch):
            if wanted.made.done():
                continue  # whoever asked has gone
            if done.cancelled():
                wanted.made.cancel()
            elif fault:
                wanted.made.set_exception(fault)
            else:
                wanted.made.set_result(done.result()[number])
        self._begin()


def _sign(batch: Sequence[_Wanted]) -> list[list[bytes]]:
    made = iter(sign_together([each for wanted in batch for each in wanted.digests]))
    return [list(islice(made, len(wanted.digests))) for wanted in batch]
