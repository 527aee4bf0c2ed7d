"""A traffic rule: what an operator, or the built-in pack, allows towards a site."""

from enum import StrEnum

from msgspec import Struct


class TlsPolicy(StrEnum):
    NONE = "none"
    OPPORTUNISTIC = "opportunistic"
    REQUIRED = "required"
    MTA_STS = "mta-sts"
    DANE = "dane"


class Family(StrEnum):
    """Which of a host's addresses are tried, and which first; `any`: both in turn."""

    ANY = "any"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    IPV4_FIRST = "ipv4-first"
    IPV6_FIRST = "ipv6-first"


class Start(StrEnum):
    """How a lane begins of which nothing is known yet.

    `search`: two messages a second on two connections, doubled every second while the site takes them. `brisk`: fifty a
    second on all connections, doubled every quarter of a second. `ceiling`: with all that the rule allows.
    """

    SEARCH = "search"
    BRISK = "brisk"
    CEILING = "ceiling"


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds to wait in each phase; the defaults are RFC 5321 section 4.5.3.2's, but for connecting.

    `transaction` bounds MAIL to the reply after the dot, however slowly the server drips.
    """

    connect: float = 30.0
    banner: float = 300.0
    ehlo: float = 300.0
    tls: float = 60.0
    mail: float = 300.0
    rcpt: float = 300.0
    data: float = 120.0
    block: float = 180.0
    dot: float = 600.0
    idle: float = 5.0
    transaction: float = 1500.0


class Reaction(Struct, frozen=True, kw_only=True):
    """What a rule does when a reply matches (`[[rule.on_reply]]`).

    `match` is a regular expression searched in the whole reply line; `action` one of `slow`, `suspend`,
    `reduce_connections`, `reduce_per_connection`; `lasts` in seconds; `after` = (count, seconds) or None for at once.
    """

    match: str
    action: str
    lasts: float
    after: tuple[int, float] | None = None
    samples: tuple[str, ...] = ()


class Rule(Struct, frozen=True, kw_only=True):
    """The ceilings of a lane. `rate` is in messages a second (None: no ceiling); limits are per egress source and
    hold over all workers. A connection older than `connection_age` (seconds) takes no further message. `start`: None
    where the rule does not say; then a configured route begins `brisk`, and a site found by DNS is searched. `fixed`: an
    operator has ordered just these; nothing that is learnt moves them."""

    name: str
    connections: int = 10
    messages_per_connection: int = 100
    connection_age: float = 300.0
    rate: float | None = None
    tls: TlsPolicy = TlsPolicy.OPPORTUNISTIC
    ip: Family = Family.ANY
    timeouts: Timeouts = Timeouts()
    reactions: tuple[Reaction, ...] = ()
    mx: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    start: Start | None = None
    fixed: bool = False
