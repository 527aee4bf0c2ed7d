"""Signing beside the event loop: the hashes and the RSA step leave the GIL, so threads scale with the cores."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mta.signing.key import Key
from mta.signing.keyring import Keyring, NoKey
from mta.signing.signature import sign


class Signer:
    """Chooses keys and signs. Safe to share between tasks of one event loop."""

    def __init__(self, keyring: Keyring, threads: int | None = None) -> None:
        """`threads`: how many signatures are made at the same time; by default one for each core."""
        self._keyring = keyring
        self._threads = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="dkim")

    def choose(self, author: str, names: Sequence[str], now: float) -> tuple[Key, ...] | NoKey:
        """See `Keyring.choose`. Looks at the key files now and then, which takes moments."""
        return self._keyring.choose(author, names, now)

    async def sign(self, octets: bytes, keys: Sequence[Key], now: float) -> bytes:
        """`octets` with a signature by each of `keys`; `now` in POSIX seconds."""
        if not keys:
            return octets
        return await asyncio.get_running_loop().run_in_executor(self._threads, sign, octets, keys, now)

    def close(self) -> None:
        """Let what is being signed end; take nothing more."""
        self._threads.shutdown(wait=False)
