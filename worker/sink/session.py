"""One SMTP connection of the sink (RFC 5321 as a server, with PIPELINING, RFC 2920, and STARTTLS, RFC 3207).

Octets go into a buffer; `_work` takes commands and messages out of it for as long as it can, and writes all replies of one
turn at once. While an answer is delayed, or TLS is being negotiated, the connection is *held*: nothing is taken out.
"""

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from mta.reply import Reply
from worker.sink.behaviour import Answer, Moment
from worker.sink.grammar import Content, Sender, parse_mail, parse_rcpt
from worker.sink.maildir import Mail
from worker.sink.post import Post

MAX_COMMAND = 2048
"""Octets of a command line: RFC 5321 section 4.5.3.1.4 wants 512, extensions add to it."""

_EHLO_LINES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")

_OK = Reply(250, "2.0.0 Ok")
_BAD_ORDER = Reply(503, "5.5.1 Bad sequence of commands")
_BAD_ARGUMENT = Reply(501, "5.5.4 Syntax error in the arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the connections of one sink share. `decide(session, moment, rcpt)` answers; `take` keeps a message, or raises
    `OSError`. `size` is the largest message in octets, `latency` the seconds of a round trip that the net does not take."""

    hostname: str
    size: int
    tls: ssl.SSLContext | None
    decide: Callable[["Session", Moment, str], Answer]
    take: Callable[[Mail], None]
    latency: float = 0.0
    sessions: set["Session"] = field(default_factory=set)


class Session(asyncio.Protocol):
    def __init__(self, desk: Desk, number: int) -> None:
        self._desk = desk
        self.number = number
        self.peer = ""
        self.helo = ""
        self.taken = 0
        self._sender: Sender | None = None
        self._rcpts: list[str] = []
        self._content: Content | None = None
        self._buffer = bytearray()
        self._replies: list[str] = []
        self._closing = False
        self._held: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._tls: str | None = None
        self._left = False
        self._post = Post(desk.latency)
        self.ended = asyncio.Event()

    @property
    def sender(self) -> str:
        """Of the transaction at hand; empty also while there is none."""
        return self._sender.address if self._sender is not None else ""

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._post.to(self._transport)
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._desk.sessions.add(self)
        answer = self._desk.decide(self, Moment.CONNECT, "")
        if answer.accepts:
            answer = Answer(reply=Reply(220, f"{self._desk.hostname} ESMTP sink"), delay=answer.delay)
        self._give(answer)
        self._work()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.ended.is_set():
            return
        self._closing = True
        if self._held is not None:
            self._held.cancel()
        self._desk.sessions.discard(self)
        self._leave()
        self.ended.set()

    def shut(self) -> None:
        """End the connection because the sink ends."""
        if isinstance(self._held, asyncio.Future):  # a handshake: nothing can be said
            self.abort()
            self.connection_lost(None)
            return
        self._say(Reply(421, f"4.3.2 {self._desk.hostname} is shutting down"))
        self._close()

    def abort(self) -> None:
        """End it now, whatever is still to be written."""
        if self._transport is not None:
            self._transport.abort()

    # The work

    def _work(self) -> None:
        while (
            self._held is None
            and not self._closing
            and (self._line() if self._content is None else self._data(self._content))
        ):
            pass
        self._flush()

    def _line(self) -> bool:
        """Take one command; False: there is none yet."""
        end = self._buffer.find(b"\n")
        if end < 0 and len(self._buffer) <= MAX_COMMAND:
            return False
        line = bytes(self._buffer[: end + 1]) if end >= 0 else bytes(self._buffer)
        del self._buffer[: len(line)]
        if len(line) > MAX_COMMAND:
            self._say(Reply(500, "5.5.2 Line too long"))
            self._close()
        elif not line.endswith(b"\r\n"):
            self._say(Reply(500, "5.5.2 Command lines end in CRLF"))
        else:
            self._command(line[:-2].decode("utf-8", "replace"))
        return True

    def _command(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        match verb.upper():
            case "MAIL":
                self._mail(rest)
            case "RCPT":
                self._rcpt(rest)
            case "DATA":
                self._start_data()
            case "EHLO" | "HELO" as hello:
                self._hello(hello, rest.strip())
            case "RSET":
                self._reset()
                self._say(_OK)
            case "NOOP":
                self._say(_OK)
            case "VRFY":
                self._say(Reply(252, "2.5.0 Send some mail and see"))
            case "QUIT":
                self._say(Reply(221, "2.0.0 Bye"))
                self._close()
            case "STARTTLS":
                self._starttls(rest)
            case _:
                self._say(Reply(502, "5.5.1 Command not implemented"))

    def _hello(self, verb: str, name: str) -> None:
        if not name:
            self._say(_BAD_ARGUMENT)
            return
        self.helo = name
        self._reset()
        lines = [self._desk.hostname]
        if verb == "EHLO":
            lines += [*_EHLO_LINES, f"SIZE {self._desk.size}"]
            if self._desk.tls is not None and self._tls is None:
                lines.append("STARTTLS")
        self._replies += [f"250-{line}" for line in lines[:-1]]
        self._say(Reply(250, lines[-1]))

    def _mail(self, rest: str) -> None:
        if not self.helo or self._sender is not None:
            self._say(_BAD_ORDER)
            return
        match parse_mail(rest, self._desk.size):
            case Reply() as refusal:
                self._say(refusal)
            case sender:
                self._sender = sender
                answer = self._desk.decide(self, Moment.MAIL, "")
                if not answer.accepts:
                    self._reset()
                self._give(answer)

    def _rcpt(self, rest: str) -> None:
        if self._sender is None:
            self._say(_BAD_ORDER)
            return
        match parse_rcpt(rest, self._sender.smtputf8):
            case Reply() as refusal:
                self._say(refusal)
            case rcpt:
                answer = self._desk.decide(self, Moment.RCPT, rcpt)
                if answer.accepts:
                    self._rcpts.append(rcpt)
                self._give(answer)

    def _start_data(self) -> None:
        if not self._rcpts:
            self._say(_BAD_ORDER if self._sender is None else Reply(554, "5.5.1 No valid recipients"))
            return
        self._content = Content(self._desk.size)
        self._say(Reply(354, "End data with <CR><LF>.<CR><LF>"))

    def _data(self, content: Content) -> bool:
        """Take one message; False: its end has not come."""
        taken = content.take(self._buffer)
        if taken is None:
            return False
        self._content = None
        answer = Answer(reply=taken) if isinstance(taken, Reply) else self._judge(taken)
        self._reset()
        self._give(answer)
        return True

    def _judge(self, content: bytes) -> Answer:
        answer = self._worst([self._desk.decide(self, Moment.DOT, rcpt) for rcpt in self._rcpts])
        return self._take(content, answer) if answer.accepts or answer.keep else answer

    @staticmethod
    def _worst(answers: list[Answer]) -> Answer:
        return next((answer for answer in answers if not answer.accepts), max(answers, key=lambda answer: answer.delay))

    def _take(self, content: bytes, answer: Answer) -> Answer:
        assert self._sender is not None
        mail = Mail(
            sender=self._sender.address,
            rcpts=tuple(self._rcpts),
            content=content,
            at=time.time(),
            peer=self.peer,
            helo=self.helo,
            tls=self._tls,
            body=self._sender.body,
            smtputf8=self._sender.smtputf8,
        )
        try:
            self._desk.take(mail)
        except OSError as fault:
            return Answer(reply=Reply(452, f"4.3.1 Cannot store: {fault.strerror}"))
        self.taken += 1
        return answer

    def _reset(self) -> None:
        self._sender = None
        self._rcpts = []

    # TLS

    def _starttls(self, rest: str) -> None:
        if self._desk.tls is None:
            self._say(Reply(502, "5.5.1 Command not implemented"))
        elif self._tls is not None:
            self._say(_BAD_ORDER)
        elif rest.strip():
            self._say(_BAD_ARGUMENT)
        else:
            self._negotiate(self._desk.tls)

    def _negotiate(self, context: ssl.SSLContext) -> None:
        transport = self._transport
        assert transport is not None
        transport.pause_reading()
        # What came in the clear behind STARTTLS must not be read as if it had come under TLS.
        self._buffer.clear()
        self._reset()
        self.helo = ""
        self._say(Reply(220, "2.0.0 Ready to start TLS"))
        self._flush()
        self._held = asyncio.ensure_future(self._handshake(transport, context))

    async def _handshake(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        await self._post.delivered()
        try:
            upgraded = await loop.start_tls(transport, self, context, server_side=True)
        except (OSError, ssl.SSLError):
            transport.abort()
            self._held = None
            self.connection_lost(None)  # nobody else says so: the transport is no longer ours
            return
        if upgraded is None:  # the connection went away in the act
            return
        self._transport = upgraded
        self._post.to(upgraded)
        self._tls = upgraded.get_extra_info("ssl_object").version()
        self._held = None
        self._work()

    # Replies

    def _give(self, answer: Answer) -> None:
        if answer.delay <= 0:
            self._finish(answer)
            return
        self._held = asyncio.get_running_loop().call_later(answer.delay, self._give_late, answer)

    def _give_late(self, answer: Answer) -> None:
        self._held = None
        self._finish(answer)
        self._work()

    def _finish(self, answer: Answer) -> None:
        if answer.reply is not None:
            self._say(answer.reply)
        if answer.close:
            self._close()

    def _say(self, reply: Reply) -> None:
        self._replies.append(f"{reply.code} {reply.text}")

    def _flush(self) -> None:
        if not self._replies or self._transport is None:
            return
        self._replies.append("")
        self._post.write("\r\n".join(self._replies).encode())
        self._replies = []

    def _close(self) -> None:
        self._flush()
        self._closing = True
        self._leave()
        self._post.close()

    def _leave(self) -> None:
        """The connection is over for this side, though its last reply may be on the way."""
        if not self._left:
            self._left = True
            self._desk.decide(self, Moment.CLOSED, "")
