"""One SMTP connection of the sink (RFC 5321 as a server, with PIPELINING, RFC 2920, and STARTTLS, RFC 3207).

Octets go into a buffer; `_work` takes commands and messages out of it for as long as it can, and writes all replies of one
turn at once. While an answer is delayed, or TLS is being negotiated, the connection is *held*: nothing is taken out.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from mta.reply import Reply
from worker.sink.behaviour import Answer, Moment
from worker.sink.maildir import Mail

MAX_COMMAND = 2048
"""Octets of a command line: RFC 5321 section 4.5.3.1.4 wants 512, extensions add to it."""

_PATH = re.compile(r'\s*<((?:[^<>"\s]|"(?:[^"\\]|\\.)*")*)>(?:\s+(.*\S))?\s*')
_EHLO_LINES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")

_OK = Reply(250, "2.0.0 Ok")
_BAD_ORDER = Reply(503, "5.5.1 Bad sequence of commands")
_BAD_ARGUMENT = Reply(501, "5.5.4 Syntax error in the arguments")
_TOO_BIG = Reply(552, "5.3.4 Message size exceeds the limit of this system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the connections of one sink share. `decide(session, moment, rcpt)` answers; `take` keeps a message, or raises
    `OSError`. `size` is the largest message in octets."""

    hostname: str
    size: int
    tls: ssl.SSLContext | None
    decide: Callable[["Session", Moment, str], Answer]
    take: Callable[[Mail], None]
    sessions: set["Session"] = field(default_factory=set)


class Session(asyncio.Protocol):
    def __init__(self, desk: Desk, number: int) -> None:
        self._desk = desk
        self.number = number
        self.peer = ""
        self.helo = ""
        self.taken = 0
        self.sender: str | None = None
        self._rcpts: list[str] = []
        self._body, self._smtputf8 = "7BIT", False
        self._buffer = bytearray()
        self._replies: list[str] = []
        self._in_data = self._too_big = self._closing = False
        self._searched = 0
        self._held: asyncio.TimerHandle | asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._tls: str | None = None
        self.ended = asyncio.Event()

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
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
        self._closing = True
        if self._held is not None:
            self._held.cancel()
        self._desk.sessions.discard(self)
        self._desk.decide(self, Moment.CLOSED, "")
        self.ended.set()

    def shut(self) -> None:
        """End the connection because the sink ends."""
        self._say(Reply(421, f"4.3.2 {self._desk.hostname} is shutting down"))
        self._close()

    def abort(self) -> None:
        """End it now, whatever is still to be written."""
        if self._transport is not None:
            self._transport.abort()

    # The work

    def _work(self) -> None:
        while self._held is None and not self._closing and (self._data() if self._in_data else self._line()):
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
        if not self.helo or self.sender is not None:
            self._say(_BAD_ORDER)
            return
        path = _path(rest, "FROM:")
        if path is None:
            self._say(Reply(501, "5.1.7 Bad sender address syntax"))
            return
        sender, parameters = path
        fault = self._mail_parameters(sender, parameters)
        if fault is not None:
            self._say(fault)
            return
        self.sender = sender
        answer = self._desk.decide(self, Moment.MAIL, "")
        if not answer.accepts:
            self.sender = None
        self._give(answer)

    def _mail_parameters(self, sender: str, parameters: str) -> Reply | None:
        self._body, self._smtputf8 = "7BIT", False
        for parameter in parameters.upper().split():
            key, _, value = parameter.partition("=")
            match key:
                case "SIZE" if value.isascii() and value.isdigit():
                    if int(value[:20]) > self._desk.size:
                        return _TOO_BIG
                case "BODY" if value in ("7BIT", "8BITMIME"):
                    self._body = value
                case "SMTPUTF8" if parameter == "SMTPUTF8":
                    self._smtputf8 = True
                case _:
                    return Reply(555, f"5.5.4 Parameter not recognised: {parameter[:60]}")
        return self._utf8_fault(sender)

    def _rcpt(self, rest: str) -> None:
        if self.sender is None:
            self._say(_BAD_ORDER)
            return
        path = _path(rest, "TO:")
        if path is None or not path[0]:
            self._say(Reply(501, "5.1.3 Bad recipient address syntax"))
            return
        rcpt, parameters = path
        fault = Reply(555, "5.5.4 RCPT takes no parameters here") if parameters else self._utf8_fault(rcpt)
        if fault is not None:
            self._say(fault)
            return
        answer = self._desk.decide(self, Moment.RCPT, rcpt)
        if answer.accepts:
            self._rcpts.append(rcpt)
        self._give(answer)

    def _utf8_fault(self, address: str) -> Reply | None:
        if address.isascii() or self._smtputf8:
            return None
        return Reply(553, "5.6.7 Address needs SMTPUTF8")  # RFC 6531 section 3.5

    def _start_data(self) -> None:
        if not self._rcpts:
            self._say(_BAD_ORDER if self.sender is None else Reply(554, "5.5.1 No valid recipients"))
            return
        self._in_data, self._too_big, self._searched = True, False, 0
        self._replies.append("354 End data with <CR><LF>.<CR><LF>")

    def _data(self) -> bool:
        """Take one message; False: its end has not come."""
        if self._searched < 3 and self._buffer.startswith(b".\r\n"):
            self._end_data(b"", 3)
            return True
        end = self._buffer.find(b"\r\n.\r\n", max(0, self._searched - 4))
        if end >= 0:
            # Every line that begins with a dot loses it (RFC 5321 section 4.5.2); the first line has no CRLF before it.
            first = 1 if self._buffer[:1] == b"." and not self._too_big else 0
            self._end_data(bytes(self._buffer[first : end + 2]).replace(b"\r\n.", b"\r\n"), end + 5)
            return True
        self._searched = len(self._buffer)
        if self._searched > self._desk.size + self._desk.size // 8 + 4:
            self._too_big = True
            del self._buffer[:-4]
            self._searched = 4
        return False

    def _end_data(self, content: bytes, consumed: int) -> None:
        del self._buffer[:consumed]
        self._in_data = False
        if self._too_big or len(content) > self._desk.size:
            answer = Answer(reply=_TOO_BIG)
        else:
            answers = (self._desk.decide(self, Moment.DOT, rcpt) for rcpt in self._rcpts)
            answer = self._worst(list(answers))
            if answer.accepts or answer.keep:
                answer = self._take(content, answer)
        self._reset()
        self._give(answer)

    @staticmethod
    def _worst(answers: list[Answer]) -> Answer:
        return next((answer for answer in answers if not answer.accepts), max(answers, key=lambda answer: answer.delay))

    def _take(self, content: bytes, answer: Answer) -> Answer:
        mail = Mail(
            sender=self.sender or "",
            rcpts=tuple(self._rcpts),
            content=content,
            at=time.time(),
            peer=self.peer,
            helo=self.helo,
            tls=self._tls,
            body=self._body,
            smtputf8=self._smtputf8,
        )
        try:
            self._desk.take(mail)
        except OSError as fault:
            return Answer(reply=Reply(452, f"4.3.1 Cannot store: {fault.strerror}"))
        self.taken += 1
        return answer

    def _reset(self) -> None:
        self.sender = None
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
        try:
            upgraded = await loop.start_tls(transport, self, context, server_side=True)
        except (OSError, ssl.SSLError):
            transport.abort()
            return
        if upgraded is None:  # the connection went away in the act
            return
        self._transport = upgraded
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
        self._transport.write("\r\n".join(self._replies).encode())
        self._replies = []

    def _close(self) -> None:
        self._flush()
        self._closing = True
        if self._transport is not None:
            self._transport.close()


def _path(rest: str, keyword: str) -> tuple[str, str] | None:
    """The address between angle brackets behind FROM: or TO:, and the parameters after it."""
    if rest[: len(keyword)].upper() != keyword:
        return None
    found = _PATH.fullmatch(rest[len(keyword) :])
    if found is None:
        return None
    address: str = found[1]
    if address.startswith("@") and ":" in address:  # a source route is ignored (RFC 5321 appendix C)
        address = address.partition(":")[2]
    if address and not all(address.rpartition("@")[::2]):
        return None
    return address, found[2] or ""
