"""One mail's dialogue on an open session: MAIL, RCPT, DATA, the message, and what is owed to each.

Where the server offers PIPELINING (RFC 2920) the three commands leave in one write, and may leave while the answer to the
previous mail's final dot is still owed: answers come in order, so each mail waits only for its own.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from time import monotonic
from typing import Protocol

from aiosmtplib.errors import SMTPException, SMTPServerDisconnected

from mta.attempt import Broken, Delivered, Doubtful, Phase, Refused, Trouble
from mta.dialogue import remark
from mta.smtp import Intend, Offers
from mta.smtp.answer import Answer
from mta.smtp.command import envelope_commands, in_chunks, stuffed
from mta.smtp.ended import Ended, broken, refused
from mta.smtp.letter import Letter
from mta.smtp.wire import Owed, Wire
from mta.traffic.rule import Timeouts

_PHASES = (Phase.MAIL, Phase.RCPT, Phase.DATA)

_TAIL = 64 * 1024
"""Octets that are written at once, with the final dot; more go ahead of them, as fast as the server takes them."""


class Line(Protocol):
    """What a transaction needs of its session."""

    wire: Wire
    offers: Offers

    def dot_left(self) -> None:
        """The final dot is written; another mail may follow."""


class Transaction:
    """One mail on one session. Afterwards the session is clean, or its wire is closed."""

    __slots__ = (
        "_chunks",
        "_content",
        "_dialogue",
        "_dot_at",
        "_first",
        "_line",
        "_mail",
        "_phase",
        "_timeouts",
        "_wire",
    )

    def __init__(self, line: Line, letter: Letter, content: bytes, timeouts: Timeouts) -> None:
        self._line = line
        self._wire = line.wire
        self._mail = letter.mail
        self._dialogue = letter.dialogue
        self._content = content
        self._timeouts = timeouts
        self._chunks = not letter.mail.test and in_chunks(content, line.offers)
        self._phase = Phase.MAIL
        self._first: Owed | None = None
        self._dot_at: float | None = None

    @property
    def dotted(self) -> bool:
        """The final dot may have left."""
        return self._dot_at is not None

    async def run(self, intend: Intend) -> Ended:
        """How it ended. Raises nothing but `CancelledError` (the caller closes the session then) and what `intend` does."""
        try:
            return await self._envelope() or await self._message(intend)
        except SMTPException as fault:
            if self._dot_at is not None:
                return Ended(Phase.BODY, Doubtful(f"no reply to the final dot: {fault.message}"))
            return Ended(self._phase, broken(fault), untouched=self._is_untouched(fault))

    def _is_untouched(self, fault: SMTPException) -> bool:
        """Nothing of this mail was answered, and the fault is not about it: it came before its turn, or is the end of a
        connection that the server had closed in the meantime."""
        if self._phase is not Phase.MAIL:
            return False
        return self._first is None or self._first.since is None or isinstance(fault, SMTPServerDisconnected)

    async def _envelope(self) -> Ended | None:
        """None when the server wants the message."""
        last = b"RSET\r\n" if self._mail.test else b"" if self._chunks else b"DATA\r\n"
        commands = envelope_commands(self._mail, self._content, self._line.offers, last)
        at_once = len(commands) if self._line.offers.pipelining else 1
        for start in range(0, len(commands), at_once):
            answers, fault = await self._ask(commands[start : start + at_once], start)
            for number, answer in enumerate(answers, start):
                self._phase = _PHASES[number]
                later = answers[number - start + 1 :]
                if self._phase is Phase.RCPT and self._mail.test and answer.positive:
                    await self._tidy(self._leave_test(later))
                    return Ended(self._phase, Delivered(answer.reply()))
                if not (300 <= answer.code < 400 if self._phase is Phase.DATA else answer.positive):
                    return await self._give_up(answer, later)
            if fault is not None:
                self._phase = _PHASES[start + len(answers)]
                raise fault
        return None

    async def _ask(self, commands: Sequence[bytes], start: int) -> tuple[Sequence[Answer], SMTPException | None]:
        """Write some of the commands, the first of them number `start`; their answers, as far as they came."""
        timeouts = self._timeouts
        limits = (timeouts.mail, timeouts.rcpt, timeouts.data)[start : start + len(commands)]
        owed = self._wire.expect(limits, None if self._first else timeouts.transaction)
        self._first = self._first or owed
        self._wire.write(b"".join(commands))
        self._dialogue.extend([("C", command) for command in commands])
        fault = None
        try:
            await owed.future
        except SMTPException as raised:
            fault = raised
        self._dialogue.extend([("S", answer.octets) for answer in owed.answers])
        return owed.answers, fault

    async def _leave_test(self, later: Sequence[Answer]) -> None:
        if not later:
            await self._reset()
        elif not later[0].positive:
            self._wire.abort()

    async def _give_up(self, answer: Answer, later: Sequence[Answer]) -> Ended:
        """End the transaction because of `answer`; the session goes on if it can."""
        ending = refused(answer)
        if isinstance(ending, Broken) or answer.code == 421:
            self._wire.abort()
        else:
            await self._tidy(self._leave_transaction(later))
        untouched = answer.code == 421 and self._phase is Phase.MAIL
        return Ended(self._phase, ending, untouched=untouched)

    async def _tidy(self, step: Awaitable[None]) -> None:
        """Clear up after the mail's fate is known: whatever becomes of the connection now, the reply counts."""
        try:
            await step
        except SMTPException:
            self._wire.abort()

    async def _leave_transaction(self, later: Sequence[Answer]) -> None:
        opened = self._phase is not Phase.MAIL
        for answer in later:
            if 300 <= answer.code < 400:
                # The server wants a message for nobody; one dot ends it (RFC 2920 section 3.1).
                lone = self._wire.expect((self._timeouts.dot,))
                self._wire.write(b".\r\n")
                answer = await lone.future
            if answer.code == 421:
                self._wire.abort()
                return
            opened = opened or answer.positive
        if opened and not self._mail.test:
            await self._reset()

    async def _reset(self) -> None:
        owed = self._wire.expect((self._timeouts.mail,))
        self._wire.write(b"RSET\r\n")
        owed.future.add_done_callback(self._was_reset)
        if not self._line.offers.pipelining:
            await owed.future

    def _was_reset(self, future: asyncio.Future[Answer]) -> None:
        if not future.cancelled() and future.exception() is None and not future.result().positive:
            self._wire.end(SMTPServerDisconnected("the server would not start afresh"))

    async def _message(self, intend: Intend) -> Ended:
        self._phase = Phase.BODY
        wire, timeouts = self._wire, self._timeouts
        octets = self._content if self._chunks else stuffed(self._content)
        owed = wire.expect((timeouts.block,))
        if self._chunks:
            wire.write(b"BDAT %d LAST\r\n" % len(octets))
            self._dialogue.append(("C", b"BDAT %d LAST" % len(octets)))
        if len(octets) > _TAIL:
            octets = await self._write_ahead(octets, owed)
        intended = await intend()
        if owed.future.done():
            return self._early(owed.future.result())
        if not intended:
            wire.abort()
            return Ended(self._phase, Broken(Trouble.FENCED, "the claim could not be confirmed"))
        self._line.dot_left()
        wire.write(octets)
        self._dialogue.append(remark(f"the message, {len(self._content)} octets"))
        # Now the message may be complete: a connection lost from here on leaves it in doubt.
        self._dot_at = monotonic()
        wire.postpone(timeouts.dot)
        return await self._judge(await owed.future)

    async def _write_ahead(self, octets: bytes, owed: Owed) -> bytes:
        """Send all but the tail, which is returned."""
        ahead = len(octets) - _TAIL
        for start in range(0, ahead, _TAIL):
            self._wire.write(octets[start : min(start + _TAIL, ahead)])
            self._wire.postpone(self._timeouts.block)
            await self._wire.drained(owed)
            if owed.future.done():
                break
        return octets[ahead:]

    def _early(self, answer: Answer) -> Ended:
        """The server did not wait for the end of the message."""
        self._wire.abort()
        self._dialogue.append(("S", answer.octets))
        return Ended(self._phase, refused(answer))

    async def _judge(self, answer: Answer) -> Ended:
        """The answer to the whole message."""
        dot_time = monotonic() - (self._dot_at or 0.0)
        self._dialogue.append(("S", answer.octets))
        if answer.positive:
            return Ended(self._phase, Delivered(answer.reply()), dot_time)
        ending = refused(answer)
        if not isinstance(ending, Refused):
            self._wire.abort()
            return Ended(self._phase, Doubtful(f"no verdict on the final dot: {answer.reply().line}"), dot_time)
        if answer.code == 421:
            self._wire.abort()
        elif self._chunks:
            await self._tidy(self._reset())  # RFC 3030 section 2
        return Ended(self._phase, ending, dot_time)
