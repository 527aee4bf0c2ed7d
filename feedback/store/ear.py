"""What PostgreSQL's LISTEN hears on one channel, over a connection of its own that is made anew when it was lost."""

import asyncio
from collections.abc import Callable

import asyncpg

from feedback.store.postgres import SESSION, TIMEOUT, away


class Ear:
    """`news` is set when something was said, and when something may have been missed: the connection is new, or lost."""

    def __init__(self, dsn: str, channel: str, hear: Callable[[str], None] = lambda payload: None) -> None:
        """`hear` is given each payload."""
        self._dsn = dsn
        self._channel = channel
        self._hear = hear
        self._connection: asyncpg.Connection | None = None
        self.news = asyncio.Event()

    async def listen(self) -> None:
        """See to it that somebody listens.

        Raises:
            StoreAway: not possible now.
        """
        if self._connection is not None and not self._connection.is_closed():
            return
        with away():
            made = await asyncpg.connect(self._dsn, timeout=TIMEOUT, command_timeout=TIMEOUT, server_settings=SESSION)
            try:
                made.add_termination_listener(lambda _: self.news.set())
                await made.add_listener(self._channel, self._said)
                self._connection = made
            finally:
                if self._connection is not made:
                    made.terminate()
        self.news.set()

    def close(self) -> None:
        """Listen no more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _said(self, _: object, sender: int, channel: str, payload: str) -> None:
        self._hear(payload)
        self.news.set()
