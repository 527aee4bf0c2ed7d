"""The sink itself: a listening server, what it remembers, and the process around it."""

import asyncio
import itertools
import signal
import ssl
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from worker.sink.behaviour import Answer, Ask, Behaviour, Moment, by_recipient
from worker.sink.maildir import Mail, Maildir
from worker.sink.session import Desk, Session

SIZE = 64 * 1024 * 1024
"""Octets of the largest message taken, by default: more than a worker would send."""

GRACE_S = 1.0
"""Seconds that the last replies have to reach their clients when the sink ends."""


class Sink:
    """An SMTP sink for as long as its `async with` lasts.

    `taken` counts the messages taken for each recipient. With `store` they are kept as a Maildir in that folder; with
    `keep` they are also held in `mails`. `behaviour` decides the answers, which come a round trip of `latency` seconds late.
    `port` is the one listened on, also when 0 was asked for.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        store: Path | None = None,
        keep: bool = False,
        behaviour: Behaviour = by_recipient,
        tls: ssl.SSLContext | None = None,
        size: int = SIZE,
        hostname: str = "sink.localhost",
        latency: float = 0.0,
    ) -> None:
        self.host, self.port = host, port
        self.taken: Counter[str] = Counter()
        self.mails: list[Mail] = []
        self.connections = 0
        self._keep = keep
        self._store = store
        self._maildir: Maildir | None = None
        self._behaviour = behaviour
        self._refusals: dict[tuple[Moment, str, str], tuple[int, float]] = {}
        self._numbers = itertools.count(1)
        self._desk = Desk(hostname=hostname, size=size, tls=tls, decide=self._decide, take=self._take, latency=latency)
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen; `OSError` when the address is not to be had or the store cannot be made."""
        if self._store is not None:
            self._maildir = Maildir(self._store)
        self._server = await asyncio.get_running_loop().create_server(self._session, self.host, self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._shut()
        await self._server.wait_closed()
        if self._maildir is not None:
            self._maildir.close()

    async def _shut(self) -> None:
        sessions = list(self._desk.sessions)
        for session in sessions:
            session.shut()
        if not sessions:
            return
        _, slow = await asyncio.wait([asyncio.ensure_future(one.ended.wait()) for one in sessions], timeout=GRACE_S)
        for session in list(self._desk.sessions):
            session.abort()
        if slow:
            await asyncio.wait(slow, timeout=GRACE_S)

    def _session(self) -> Session:
        self.connections += 1
        return Session(self._desk, next(self._numbers))

    def _decide(self, session: Session, moment: Moment, rcpt: str) -> Answer:
        key = (moment, session.sender, rcpt)
        refusals, since = self._refusals.get(key, (0, 0.0))
        now = time.monotonic()
        answer = self._behaviour(
            Ask(
                moment=moment,
                connection=session.number,
                connections=len(self._desk.sessions),
                now=now,
                peer=session.peer,
                sender=session.sender,
                rcpt=rcpt,
                taken=session.taken,
                refusals=refusals,
                since=since,
            )
        )
        if rcpt and not answer.accepts:
            self._refusals[key] = (refusals + 1, since if refusals else now)
        return answer

    def _take(self, mail: Mail) -> None:
        if self._maildir is not None:
            self._maildir.add(mail)
        if self._keep:
            self.mails.append(mail)
        self.taken.update(mail.rcpts)


def _say(line: str) -> None:
    print(line, flush=True)  # whoever started us may be waiting for it at the end of a pipe


async def run(sink: Sink, *, json: bool = False, say: Callable[[str], None] = _say) -> None:
    """Be a sink until SIGTERM or SIGINT. With `json` the first line said is `{"host": ..., "port": ...}`. Raises `OSError`
    as entering the sink does."""
    stop = until_told()
    async with sink:
        if json:
            say(msgspec.json.encode({"host": sink.host, "port": sink.port}).decode())
        else:
            say(f"listening on {sink.host} port {sink.port}")
        await stop.wait()
    if not json:
        say(f"{sink.taken.total()} messages taken from {sink.connections} connections")


def until_told() -> asyncio.Event:
    """Set at SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
