"""A route: the site behind a domain and the hosts that take its mail."""

from msgspec import Struct

from mta.attempt import Trouble


class Host(Struct, frozen=True):
    """A receiving host by name or address literal (no brackets), in A-form and lower case.

    `configured`: named by a route of the configuration, and so exempt from the address policy for hosts found by DNS.
    """

    name: str
    port: int = 25
    configured: bool = False

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


class Login(Struct, frozen=True):
    """What a smart host wants to see (RFC 4954)."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.username!r}, ***)"


class Route(Struct, frozen=True, kw_only=True):
    """Where a domain's mail goes. `hosts` are in the order to try; `tls` and `login` come from a configured route.

    `secure_mx`: a validating resolver vouches for the MX records; only then can DANE be trusted (RFC 7672 section 2.2.1).
    """

    site: str
    domain: str
    hosts: tuple[Host, ...]
    static: bool = False  # from the configuration, not from DNS
    tls: str | None = None
    login: Login | None = None
    secure_mx: bool = False


class NoRoute(Struct, frozen=True):
    """The domain cannot be sent to now (or ever: `trouble` says which). `text` is for people."""

    trouble: Trouble
    text: str
