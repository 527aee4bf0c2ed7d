"""Signing: in the event loop what takes a moment, beside it what takes longer.

The RSA step leaves the GIL, so that threads scale with the cores. But a hop to a thread costs more than it shows: the thread
wants the GIL back after each step, and the loop, which lets go of it with every callback, wakes it in vain a few times before
it has it. Where eight signatures are made at once (`mta.signing.multibuffer`) those of 2048 bits take a tenth of a millisecond
each, and the hop took as much: they are made in the loop. Longer keys go to threads, and so does the hash of a large message.
"""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from msgspec import Struct

from mta.signing.key import Key
from mta.signing.keyring import Keyring, NoKey
from mta.signing.multibuffer import LANES, library, sign_together
from mta.signing.signature import hashed

_LARGE = 64 * 1024
"""Octets of a message that is worth a hop for its hash."""

_QUICK = 2048
"""Bits of a key whose signatures are made in the loop where eight are made at once."""

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
        count = threads or (1 if self._in_lanes else os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="dkim")
        self._here = _Here()
        self._beside = _Beside(self._threads, count, self._in_lanes)

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
        quick = self._in_lanes and all(key.bits <= _QUICK for key in keys)
        (self._here if quick else self._beside).add(wanted)
        return message.signed(await wanted.made)

    def close(self) -> None:
        """Let what is being signed end; take nothing more."""
        self._here.close()
        self._beside.close()
        self._threads.shutdown(wait=False)


class _Company:
    """Those who wait to be signed together. `begin` is to take from `waiting`: when there are as many as are made at once, or
    the first has waited long enough."""

    def __init__(self) -> None:
        self.waiting: list[_Wanted] = []
        self.busy = False
        self._patience: asyncio.Handle | None = None

    @property
    def expected(self) -> bool:
        """Whether more are still waited for."""
        return self._patience is not None

    def add(self, wanted: _Wanted) -> None:
        self.waiting.append(wanted)
        if len(self.waiting) == LANES:
            self.begin()
        elif len(self.waiting) == 1:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(_LINGER, self._enough) if self.busy else loop.call_soon(self._enough)

    def begin(self) -> None:
        raise NotImplementedError

    def take(self, number: int) -> list[_Wanted]:
        """The first of them."""
        batch, self.waiting = self.waiting[:number], self.waiting[number:]
        if self._patience and not self.waiting:
            self._patience.cancel()
            self._patience = None
        return batch

    def close(self) -> None:
        for wanted in self.take(len(self.waiting)):
            wanted.made.cancel()

    def _enough(self) -> None:
        self._patience = None
        self.begin()


class _Here(_Company):
    """Signed in the loop."""

    def begin(self) -> None:
        batch = self.take(LANES)
        self.busy = len(batch) >= _BUSY
        signing = asyncio.get_running_loop().create_task(_sign_here(batch))
        signing.add_done_callback(partial(_hand_out, batch))


class _Beside(_Company):
    """Signed in threads. What one turn of the loop brings goes there together, and what gathers while all threads are busy;
    where each makes eight at once, fewer also wait until the threads at work are back."""

    def __init__(self, threads: ThreadPoolExecutor, count: int, in_lanes: bool) -> None:
        super().__init__()
        self._threads = threads
        self._count = self._idle = count
        self._in_lanes = in_lanes

    def begin(self) -> None:
        """Give every idle thread its share of what waits."""
        while self.waiting and self._idle and (share := self._share(len(self.waiting))):
            self._idle -= 1
            self.busy = self._in_lanes and share >= _BUSY
            batch = self.take(share)
            running = asyncio.get_running_loop().run_in_executor(self._threads, _sign, batch)
            running.add_done_callback(partial(self._ended, batch))

    def _share(self, waiting: int) -> int:
        """How many of those that wait go to the next idle thread now."""
        if not self._in_lanes:
            return min(LANES, -(-waiting // self._count))
        if waiting >= LANES:
            return LANES
        return waiting if not self.expected and self._idle == self._count else 0

    def _ended(self, batch: Sequence[_Wanted], done: asyncio.Future[list[list[bytes]]]) -> None:
        self._idle += 1
        _hand_out(batch, done)
        self.begin()


def _hand_out(batch: Sequence[_Wanted], done: asyncio.Future[list[list[bytes]]]) -> None:
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


async def _sign_here(batch: Sequence[_Wanted]) -> list[list[bytes]]:
    return _sign(batch)


def _sign(batch: Sequence[_Wanted]) -> list[list[bytes]]:
    made = iter(sign_together([each for wanted in batch for each in wanted.digests]))
    return [list(islice(made, len(wanted.digests))) for wanted in batch]
