"""One connection's dialogue with a receiving server: greeting, EHLO, STARTTLS, AUTH, then one transaction after another."""

import asyncio
import base64
import hmac
import ssl
import time
from dataclasses import dataclass

from mta.attempt import Broken, Delivered, Doubtful, Ending, Phase, Refused, Tls, Trouble
from mta.reply import Reply
from mta.routing.route import Login
from mta.smtp import Intend, Mail, Offers
from mta.smtp.tls import context
from mta.smtp.wire import Garbage, Gone, Wire
from mta.traffic.rule import Timeouts


@dataclass(frozen=True, slots=True)
class Ended:
    """How a transaction, or the opening of a session, ended. `untouched`: nothing was answered to this mail yet."""

    phase: Phase
    ending: Ending
    dot_time: float | None = None
    untouched: bool = False


class Session:
    """A connection that is open and has greeted; not safe for two transactions at once."""

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None:
        self.wire = wire
        self.offers = Offers()
        self.tls: Tls | None = None
        self.phase = Phase.BANNER
        self.banner_time: float | None = None
        self.messages = 0
        self._timeouts = timeouts
        self._keywords: dict[str, str] = {}
        self._dot_at: float | None = None

    def __repr__(self) -> str:
        return f"<Session {'open' if self.wire.usable else 'closed'}, {self.messages} messages, at {self.phase}>"

    @property
    def usable(self) -> bool:
        return self.wire.usable and self.wire.expected == 0

    async def open(self, helo: str, *, secure: "Security", login: Login | None, local: bool) -> Ended | None:
        """Greet and set up; None when the session is ready for its first transaction."""
        began = time.monotonic()
        try:
            refused = await self._greet(helo, began) or await self._secure(helo, secure)
            if refused is None and login is not None:
                refused = await self._login(login, local)
        except (TimeoutError, Gone, Garbage) as fault:
            refused = Ended(self.phase, broken(fault))
        if refused is not None:
            self.wire.abort()
        return refused

    async def _greet(self, helo: str, began: float) -> Ended | None:
        reply = await self.wire.reply(self._timeouts.banner)
        self.banner_time = time.monotonic() - began
        return self._unless_positive(reply) or await self._ehlo(helo)

    async def _ehlo(self, helo: str) -> Ended | None:
        self.phase = Phase.EHLO
        reply = await self._command(f"EHLO {helo}", self._timeouts.ehlo)
        if reply.permanent and reply.code != 554:  # an old server: RFC 5321 section 3.2
            reply = await self._command(f"HELO {helo}", self._timeouts.ehlo)
            self._keywords = {}
        else:
            self._keywords = {
                word: rest for word, _, rest in (line.upper().partition(" ") for line in self.wire.raw[1:])
            }
        self.offers = _offers(self._keywords)
        return self._unless_positive(reply)

    async def _secure(self, helo: str, secure: "Security") -> Ended | None:
        if not secure.wanted:
            return None
        self.phase = Phase.STARTTLS
        if "STARTTLS" not in self._keywords:
            return (
                Ended(self.phase, Broken(Trouble.TLS_MISSING, "the server offers no STARTTLS"))
                if secure.required
                else None
            )
        reply = await self._command("STARTTLS", self._timeouts.tls)
        if not reply.positive:
            return Ended(self.phase, Refused(reply)) if secure.required else None
        if fault := await self._handshake(secure):
            return Ended(self.phase, Broken(Trouble.TLS_FAILED, f"TLS handshake failed: {fault}"))
        return await self._ehlo(helo)

    async def _handshake(self, secure: "Security") -> str | None:
        wire = self.wire
        assert wire.transport is not None
        del wire._buffer[:]  # plaintext that came early may be anybody's (RFC 3207 section 4.2)
        try:
            wire.transport = await asyncio.get_running_loop().start_tls(
                wire.transport,  # type: ignore[arg-type]
                wire,
                context(verify=secure.verified),
                server_hostname=secure.name,
                ssl_handshake_timeout=self._timeouts.tls,
            )
        except (OSError, ssl.SSLError) as fault:  # what a handshake raises: reset, abort, time-out, alert, certificate
            return str(fault) or type(fault).__name__
        if wire.transport is None:
            return "connection lost"
        made = wire.transport.get_extra_info("ssl_object")
        self.tls = Tls(version=made.version(), cipher=made.cipher()[0], auth="pkix" if secure.verified else "none")
        return None

    async def _login(self, login: Login, local: bool) -> Ended | None:
        self.phase = Phase.AUTH
        offered = self._keywords.get("AUTH", "").split()
        clear = self.tls is not None or local
        user, password = login.username, login.password
        if "PLAIN" in offered and clear:
            token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            reply = await self._command(f"AUTH PLAIN {token}", self._timeouts.mail)
        elif "LOGIN" in offered and clear:
            reply = await self._command("AUTH LOGIN", self._timeouts.mail)
            for word in (user, password):
                if reply.code == 334:
                    reply = await self._command(base64.b64encode(word.encode()).decode(), self._timeouts.mail)
        elif "CRAM-MD5" in offered:
            reply = await self._command("AUTH CRAM-MD5", self._timeouts.mail)
            if reply.code == 334:
                digest = hmac.new(password.encode(), base64.b64decode(reply.text), "md5").hexdigest()
                answer = base64.b64encode(f"{user} {digest}".encode()).decode()
                reply = await self._command(answer, self._timeouts.mail)
        else:
            text = "the server offers no way to log in that keeps the password safe"
            return Ended(self.phase, Broken(Trouble.AUTH_MISSING, text))
        return self._unless_positive(reply)

    async def transact(self, mail: Mail, content: bytes, intend: Intend) -> Ended:
        """One mail. The session is clean afterwards, or not `usable`."""
        self._dot_at, untouched = None, True
        self.phase = Phase.MAIL
        self.messages += 1
        try:
            async with asyncio.timeout(self._timeouts.transaction):
                return await self._transact(mail, content, intend)
        except (TimeoutError, Gone, Garbage) as fault:
            self.wire.abort()
            untouched = self.phase is Phase.MAIL and isinstance(fault, Gone)
            if self._dot_at is not None:
                return Ended(Phase.BODY, Doubtful(f"no reply to the final dot: {fault or 'timed out'}"))
            return Ended(self.phase, broken(fault), untouched=untouched)
        except asyncio.CancelledError:
            self.wire.abort()
            raise

    async def _transact(self, mail: Mail, content: bytes, intend: Intend) -> Ended:
        last = "RSET" if mail.test else "DATA"
        commands = [_mail_command(mail, content, self.offers), f"RCPT TO:<{mail.envelope.rcpt_to}>", last]
        limits = [self._timeouts.mail, self._timeouts.rcpt, self._timeouts.data]
        if self.offers.pipelining:
            self.wire.send("".join(f"{command}\r\n" for command in commands).encode(), 3)
        for number, phase in enumerate((Phase.MAIL, Phase.RCPT, Phase.DATA)):
            self.phase = phase
            if not self.offers.pipelining:
                self.wire.send(f"{commands[number]}\r\n".encode(), 1)
            reply = await self.wire.reply(limits[number])
            if phase is Phase.RCPT and mail.test and reply.positive:
                await self._leftover()
                return Ended(Phase.RCPT, Delivered(reply))
            if not (reply.code == 354 if phase is Phase.DATA else reply.positive):
                await self._leftover()
                if self.wire.usable and reply.code != 421:
                    await self._reset()
                else:
                    self.wire.abort()
                return Ended(phase, _refused(reply))
        return await self._body(content, intend)

    async def _body(self, content: bytes, intend: Intend) -> Ended:
        self.phase = Phase.BODY
        if not await intend():
            self.wire.abort()
            return Ended(self.phase, Broken(Trouble.FENCED, "the claim could not be confirmed"))
        # From here on the dot may leave: a connection lost now leaves the mail in doubt.
        self._dot_at = time.monotonic()
        self.wire.send(stuffed(content) + b".\r\n", 1)
        await self.wire.drained(self._timeouts.block)
        sent = time.monotonic()
        reply = await self.wire.reply(self._timeouts.dot)
        if reply.code == 421:
            self.wire.abort()
        ending = Delivered(reply) if reply.positive else _refused(reply)
        return Ended(Phase.BODY, ending, dot_time=time.monotonic() - sent)

    async def _reset(self) -> None:
        reply = await self._command("RSET", self._timeouts.mail)
        if not reply.positive:
            self.wire.abort()

    async def _leftover(self) -> None:
        """Read what is still owed to pipelined commands; a 354 among it would want a message we no longer have."""
        try:
            while self.wire.expected > 0:
                if (await self.wire.reply(self._timeouts.data)).code == 354:
                    self.wire.abort()
                    return
        except (TimeoutError, Gone, Garbage):
            self.wire.abort()

    async def _command(self, line: str, seconds: float) -> Reply:
        assert line.isprintable(), "no control character enters a command"
        self.wire.send(f"{line}\r\n".encode(), 1)
        return await self.wire.reply(seconds)

    def _unless_positive(self, reply: Reply) -> Ended | None:
        return None if reply.positive else Ended(self.phase, _refused(reply))

    async def quit(self) -> None:
        """Say goodbye and close, without waiting long for an answer."""
        if self.usable:
            try:
                await self._command("QUIT", 2.0)
            except (TimeoutError, Gone, Garbage):
                pass
        self.wire.abort()


@dataclass(frozen=True, slots=True)
class Security:
    """What a session must come to: TLS at all, TLS or nothing, a certificate good for `name`."""

    name: str
    wanted: bool = True
    required: bool = False
    verified: bool = False


def broken(fault: Exception) -> Broken:
    """What a session's three faults say in the attempt."""
    match fault:
        case TimeoutError():
            return Broken(Trouble.TIMEOUT, "timed out waiting for a reply")
        case Garbage():
            return Broken(Trouble.GARBAGE, str(fault))
        case _:
            return Broken(Trouble.LOST, str(fault))


def stuffed(content: bytes) -> bytes:
    """Dot stuffing (RFC 5321 section 4.5.2); `content` has CRLF line ends only."""
    if b"\n." in content:
        content = content.replace(b"\n.", b"\n..")
    return b"." + content if content.startswith(b".") else content


def _refused(reply: Reply) -> Refused | Broken:
    if reply.transient or reply.permanent:
        return Refused(reply)
    return Broken(Trouble.GARBAGE, f"a reply out of turn: {reply.line}")


def _mail_command(mail: Mail, content: bytes, offers: Offers) -> str:
    words = f"MAIL FROM:<{mail.envelope.mail_from}>"
    if offers.size is not None:
        words += f" SIZE={len(content)}"
    if offers.eightbitmime and not content.isascii():
        words += " BODY=8BITMIME"
    if offers.smtputf8 and mail.envelope.needs_smtputf8:
        words += " SMTPUTF8"
    return words


def _offers(keywords: dict[str, str]) -> Offers:
    size = keywords.get("SIZE")
    return Offers(
        eightbitmime="8BITMIME" in keywords,
        smtputf8="SMTPUTF8" in keywords,
        pipelining="PIPELINING" in keywords,
        chunking="CHUNKING" in keywords,
        size=int(size) if size and size.isdigit() and int(size) > 0 else None,
    )
