"""What one try at one message did: the value that everything after the wire reads.

`mta.traffic.signal` reads from it what the site is telling us; `feedback.qualifier` reads what it says about the
recipient. Neither changes it.
"""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from mta.dialogue import Line
from mta.reply import Reply


class Phase(StrEnum):
    """Where in the transaction an attempt ended. The order is that of the dialogue."""

    DNS = "dns"
    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    RSET = "rset"


class Trouble(StrEnum):
    """Why an attempt ended without a reply that decides it. A closed set: whoever reads it can match every case."""

    NO_DOMAIN = "no_domain"  # NXDOMAIN
    NULL_MX = "null_mx"  # RFC 7505
    NO_ADDRESS = "no_address"  # the domain exists, nothing in it takes mail
    DNS_FAILURE = "dns_failure"  # SERVFAIL, REFUSED, lame: nobody knows
    DNS_TIMEOUT = "dns_timeout"
    FORBIDDEN_ADDRESS = "forbidden_address"  # every MX host has a loopback, private, link-local or own address
    UNREACHABLE = "unreachable"  # refused, reset or no route while connecting
    TIMEOUT = "timeout"
    LOST = "lost"  # connection closed or reset in mid-dialogue, before the final dot
    GARBAGE = "garbage"  # what came is no SMTP reply: bad code, mixed codes, too long, out of turn
    TLS_FAILED = "tls_failed"  # handshake or certificate
    TLS_MISSING = "tls_missing"  # the policy asks for TLS, the server offers none
    AUTH_MISSING = "auth_missing"  # no mechanism in common, or only one that would show the password
    TOO_LARGE = "too_large"  # over the SIZE the server announced (RFC 1870)
    NEEDS_SMTPUTF8 = "needs_smtputf8"  # an address that this server cannot carry (RFC 6531)
    ILLEGAL_MESSAGE = "illegal_message"  # no legal form of the message exists for this server
    FENCED = "fenced"  # the claim on the job was lost before the final dot; nothing was transmitted
    STOPPED = "stopped"  # an operator's order came before MAIL; nothing was transmitted
    SHUTDOWN = "shutdown"  # given up because the worker stops; nothing was transmitted


class Delivered(Struct, frozen=True):
    """The server took responsibility (a 2yz after the final dot; in an SMTP test, after RCPT TO)."""

    reply: Reply


class Refused(Struct, frozen=True):
    """The server said 4yz or 5yz."""

    reply: Reply


class Broken(Struct, frozen=True):
    """No reply decides it, and certainly nothing was taken. `text` says what happened."""

    trouble: Trouble
    text: str


class Doubtful(Struct, frozen=True):
    """The final dot may have left and no reply came back: the server may have taken the message (RFC 1047)."""

    text: str


Ending = Delivered | Refused | Broken | Doubtful


class Tls(Struct, frozen=True):
    """The encryption of a connection; `auth` is `none`, `pkix`, `mta-sts` or `dane`. `certificate`: the SHA-256 digest of
    the server's, in hexadecimal digits."""

    version: str
    cipher: str
    auth: str
    certificate: str | None = None


class Path(Struct, frozen=True, kw_only=True):
    """The way an attempt took; what was not reached is None.

    `unmet`: the TLS that the connection should have come to and did not, where mail may pass all the same.
    """

    site: str
    mx_host: str | None = None
    remote_ip: str | None = None
    source_ip: str | None = None
    helo: str | None = None
    tls: Tls | None = None
    unmet: Broken | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """One try. Times are in seconds; `began_at` is a POSIX timestamp."""

    phase: Phase
    ending: Ending
    path: Path
    began_at: float
    duration: float
    banner_time: float | None = (
        None  # connection open to greeting: rises before a site refuses; None on a reused session
    )
    dot_time: float | None = None  # final dot to reply: likewise
    nth: int | None = None  # which message on its connection this was, from 1
    rule: str = ""  # the traffic rule it went by
    waited: float = 0.0  # for its permit
    dialogue: Sequence[Line] = ()

    @property
    def reply(self) -> Reply | None:
        match self.ending:
            case Delivered(reply) | Refused(reply):
                return reply
            case Broken() | Doubtful():
                return None

    @property
    def text(self) -> str:
        """The reply's text or, where there is none, what happened."""
        match self.ending:
            case Delivered(reply) | Refused(reply):
                return reply.text
            case Broken(_, text) | Doubtful(text):
                return text
