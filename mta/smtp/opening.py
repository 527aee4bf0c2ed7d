"""A new connection until it is ready for mail: greeting, EHLO, STARTTLS, AUTH."""

import ssl
from dataclasses import dataclass
from time import monotonic
from typing import cast

from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.response import SMTPResponse

from mta.attempt import Broken, Phase, Tls, Trouble
from mta.dialogue import Line, remark
from mta.reply import Reply, clean
from mta.routing.route import Login
from mta.routing.security import Security
from mta.smtp import Offers
from mta.smtp.command import keywords, offers
from mta.smtp.ended import Ended, broken, refused
from mta.smtp.login import log_in, mechanism
from mta.smtp.tls import context_for, established
from mta.smtp.wire import Wire
from mta.traffic.rule import Timeouts

_MAX_NOTED = 1024
"""Octets of one reply that are noted, for as long as the connection is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How to open: the name to greet with, what the connection must come to, and who the host (`name`) should be.
    `loopback`: nobody but this machine can listen."""

    helo: str
    name: str
    security: Security
    login: Login | None
    loopback: bool
    timeouts: Timeouts


class Opening:
    """One connection being opened. Afterwards it has the facts a session needs."""

    def __init__(self, wire: Wire, manners: Manners) -> None:
        self.wire = wire
        self.offers = Offers()
        self.tls: Tls | None = None
        self.banner_time: float | None = None
        self._manners = manners
        self._phase = Phase.BANNER
        self._keywords: dict[str, str] = {}

    async def run(self) -> Ended | None:
        """None when the connection is ready; otherwise it is closed."""
        try:
            failed = await self._greet() or await self._secure() or await self._log_in()
        except SMTPException as fault:
            failed = Ended(self._phase, broken(fault))
        if failed is not None:
            self.wire.abort()
        return failed

    def dialogue(self) -> list[Line]:
        """What was said so far; nothing is noted of what follows. A server may say much: the first part will do."""
        lines, self.wire.script = self.wire.script or [], None
        return [(who, octets[:_MAX_NOTED]) for who, octets in lines]

    async def _greet(self) -> Ended | None:
        began = monotonic()
        answer = await self.wire.greeting.future
        self.banner_time = monotonic() - began
        if not answer.positive:
            return Ended(self._phase, refused(answer))
        return await self._say_hello()

    async def _say_hello(self) -> Ended | None:
        self._phase = Phase.EHLO
        helo, limit = self._manners.helo.encode(), self._manners.timeouts.ehlo
        response = await self.wire.execute_command(b"EHLO", helo, timeout=limit)
        self._keywords = keywords(response.message) if response.code < 300 else {}
        if response.code >= 500 and response.code != 554:
            # A server from before 1993 (RFC 5321 section 3.2).
            response = await self.wire.execute_command(b"HELO", helo, timeout=limit)
        self.offers = offers(self._keywords)
        return self._unless_positive(response)

    async def _secure(self) -> Ended | None:
        security = self._manners.security
        if not security.wanted:
            return None
        self._phase = Phase.STARTTLS
        if "starttls" not in self._keywords:
            missing = Broken(Trouble.TLS_MISSING, "the server offers no STARTTLS")
            return Ended(self._phase, missing) if security.required else None
        fault = await self._upgrade(security)
        if isinstance(fault, Reply):
            return Ended(self._phase, refused(fault)) if security.required or fault.code == 421 else None
        if fault is not None:
            return Ended(self._phase, Broken(Trouble.TLS_FAILED, f"TLS failed: {fault}"))
        return await self._say_hello()

    async def _upgrade(self, security: Security) -> Reply | str | None:
        """TLS on, or the server's refusal, or what went wrong."""
        name, limit = (security.names or (self._manners.name,))[0], self._manners.timeouts.tls
        try:
            await self.wire.start_tls(context_for(security), name, limit)
        except SMTPResponseException as fault:
            return fault.message if fault.code < 0 else Reply(fault.code, clean(fault.message))
        except SMTPException as fault:
            return fault.message
        except ssl.SSLCertVerificationError as fault:
            return fault.verify_message
        except (OSError, ValueError) as fault:  # alerts (ssl.SSLError), resets; a name that can be in no certificate
            return clean(str(fault))
        if self.wire.transport is None:
            return "the connection was lost"
        match established(cast(ssl.SSLObject, self.wire.transport.get_extra_info("ssl_object")), security):
            case Tls() as made:
                self.tls = made
                self._remark(f"{made.version}, {made.cipher}, {made.auth}")
                return None
            case wrong:
                return wrong

    async def _log_in(self) -> Ended | None:
        manners = self._manners
        if manners.login is None:
            return None
        self._phase = Phase.AUTH
        chosen = mechanism(self._keywords.get("auth", ""), private=self.tls is not None or manners.loopback)
        self.wire.secret = True
        response = await log_in(self.wire, manners.login, chosen, manners.timeouts.mail)
        if isinstance(response, Broken):
            return Ended(self._phase, response)
        return self._unless_positive(response)

    def _remark(self, text: str) -> None:
        if self.wire.script is not None:
            self.wire.script.append(remark(text))

    def _unless_positive(self, response: SMTPResponse) -> Ended | None:
        if response.code < 300:
            return None
        return Ended(self._phase, refused(Reply(response.code, clean(response.message))))
