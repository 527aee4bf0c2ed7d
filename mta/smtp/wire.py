"""One connection: aiosmtplib's protocol class, made to be owed several answers at once (RFC 2920).

Whoever writes a command says how long its answer may take and gets an `Owed` to wait for; answers settle what is owed in
the order in which it was asked. One timer watches the answer that is due next. Waiting may raise, out of aiosmtplib's error
tree, `SMTPServerDisconnected` (the connection ended), `SMTPTimeoutError`, or `SMTPResponseException` with code -1 (what
came is no answer); after any of them the connection is closed and everything owed ends the same way.
"""

import asyncio
import collections
import math
import ssl
from collections.abc import Sequence
from typing import cast

from aiosmtplib.errors import SMTPException, SMTPReadTimeoutError, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol
from aiosmtplib.response import SMTPResponse

from mta.dialogue import Line, veiled
from mta.smtp.answer import Answer, Answers, garbage

_FAREWELL = 3.0
"""Seconds that a server has to answer QUIT."""


class Owed:
    """Answers that will come, to commands that leave together; the last one settles `future`, whoever fails leaves those
    that came before in `answers`.

    The clock starts when all that is owed before is there (`since`); each answer may then take its own of `limits`, in
    seconds. `whole`: as many seconds are left, from then on, for these and all that is asked after them.
    """

    __slots__ = ("answers", "future", "limits", "since", "whole")

    def __init__(self, future: asyncio.Future[Answer], limits: Sequence[float], whole: float | None) -> None:
        self.answers: list[Answer] = []
        self.future = future
        self.limits = limits
        self.whole = whole
        self.since: float | None = None


class Wire(SMTPProtocol):
    """A connection from its greeting on. `limit`: seconds for the greeting.

    `script` notes what is said while the connection is opened, for whoever opens it to take away; what is said while
    `secret` is set is veiled.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        super().__init__(loop)
        self._out: list[bytes] = []
        self.fault: SMTPException | None = None
        self._answers = Answers()
        self._owed: collections.deque[Owed] = collections.deque()
        self._upgrading = False
        self._deadline = self._horizon = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self.script: list[Line] | None = []
        self.secret = False
        self.greeting = self.expect((limit,))

    @property
    def usable(self) -> bool:
        """Open, and nothing came that was not asked for."""
        return self.fault is None and not self._answers

    @property
    def closed(self) -> asyncio.Future[None]:
        """Done when the socket is closed."""
        return self._closed_future

    @property
    def socket_name(self) -> tuple[str, int] | None:
        """Our own end: address and port."""
        return self.transport.get_extra_info("sockname") if self.transport is not None else None

    # What comes in

    def data_received(self, data: bytes) -> None:
        answers, now = self._answers, self._loop.time()
        answers.feed(data)
        try:
            settled = False
            while self._owed and (answer := answers.take()) is not None:
                self._settle(answer, now)
                settled = True
            if settled and self._owed:
                self._watch(now)  # part of an answer, or a line of several, buys no time
            elif answers and not self._owed:
                self._unasked()
        except SMTPException as fault:
            self.end(fault)

    def _settle(self, answer: Answer, now: float) -> None:
        owed = self._owed[0]
        if owed.since is None:
            self._begin(owed, now)
        owed.answers.append(answer)
        if self.script is not None:
            challenge = self.secret and answer.code == 334
            self.script.append(("S", b"334 ***" if challenge else answer.octets))
        if len(owed.answers) == len(owed.limits):
            self._owed.popleft()
            if not owed.future.done():  # else: whoever waited was cancelled
                owed.future.set_result(answer)

    def _unasked(self) -> None:
        if self._upgrading:
            # Plaintext after the go-ahead for TLS may be anybody's (RFC 3207 section 4.2).
            self._answers.clear()
        elif (answer := self._answers.take()) is not None:
            line = answer.reply().line
            raise SMTPServerDisconnected(line) if answer.code == 421 else garbage(f"a reply to nothing: {line}")

    def eof_received(self) -> bool:
        self.end(SMTPServerDisconnected("the server closed the connection"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.end(SMTPServerDisconnected(f"the connection was lost: {exc}" if exc else "the connection was closed"))
        if not self.closed.done():
            self.closed.set_result(None)

    # What goes out

    def expect(self, limits: Sequence[float], whole: float | None = None) -> Owed:
        """As many answers more are owed: those to what is written next."""
        if self.fault is not None:
            raise self.fault
        owed = Owed(self._loop.create_future(), limits, whole)
        self._owed.append(owed)
        if len(self._owed) == 1:
            self._watch(self._loop.time())
        return owed

    def write(self, data: bytes) -> None:
        """Leaves at the end of this turn of the loop, with all that is written until then: a final dot and the envelope
        behind it in one segment."""
        if self.fault is not None:
            raise self.fault
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(data)
        if self.script is not None:
            self.script.append(("C", veiled(data) if self.secret else data))

    def flush(self) -> None:
        """Send what was written now."""
        transport = cast(asyncio.Transport | None, self.transport)
        if self._out and transport is not None and not transport.is_closing():
            transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._out.clear()

    async def read_response(self, timeout: float | None = None) -> SMTPResponse:
        """For aiosmtplib's own steps, which write first and wait then."""
        answer = await self.expect((math.inf if timeout is None else timeout,)).future
        return SMTPResponse(answer.code, "\n".join(answer.lines()))

    async def start_tls(
        self, tls_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> SMTPResponse:
        self._upgrading = True
        try:
            return await super().start_tls(tls_context, server_hostname, timeout)
        finally:
            self._upgrading = False

    def postpone(self, limit: float) -> None:
        """The answer that is due next may take `limit` seconds from now."""
        if self._owed:
            self._owed[0].limits = (limit,)
            self._watch(self._loop.time())

    async def drained(self, owed: Owed) -> None:
        """Let others have their turn, then wait until more can be written or `owed` is settled."""
        self.flush()
        await asyncio.sleep(0)
        if not self._paused or self._connection_lost or owed.future.done():
            return
        waiter = self._loop.create_future()
        self._drain_waiters.append(waiter)
        try:
            await asyncio.wait((waiter, owed.future), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._drain_waiters.remove(waiter)
            if waiter.done():
                waiter.exception()

    def leave(self) -> None:
        """Say goodbye; the connection closes with the answer, or soon without one."""
        if not self.usable:
            self.abort()
            return
        self._horizon = math.inf
        self.expect((_FAREWELL,)).future.add_done_callback(self._left)
        self.write(b"QUIT\r\n")

    def _left(self, _: asyncio.Future[Answer]) -> None:
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).close()

    def abort(self) -> None:
        """Close at once."""
        self.end(SMTPServerDisconnected("the connection was given up"))

    def end(self, fault: SMTPException) -> None:
        """Close for this reason; only the first one counts."""
        if self.fault is None:
            self.fault = fault
            self._out.clear()
            self._disarm()
            for owed in self._owed:
                if not owed.future.done():
                    owed.future.set_exception(fault)
                    owed.future.exception()  # nobody may be left to look at it
            self._owed.clear()
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()

    # What takes too long

    def _begin(self, owed: Owed, now: float) -> None:
        owed.since = now
        if owed.whole is not None:
            self._horizon = now + owed.whole

    def _watch(self, now: float) -> None:
        """Set the clock for the answer that is due next."""
        due = self._owed[0]
        if due.since is None:
            self._begin(due, now)
        deadline = now + due.limits[len(due.answers)]
        self._deadline = deadline if deadline < self._horizon else self._horizon
        if self._deadline < self._timer_at:
            self._arm()

    def _arm(self) -> None:
        self._disarm()
        self._timer_at = self._deadline
        self._timer = self._loop.call_at(self._deadline, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, math.inf

    def _tick(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if not self._owed:
            return
        if self._loop.time() >= self._deadline:
            self.end(SMTPReadTimeoutError("no answer in time"))
        elif self._deadline < math.inf:
            self._arm()
