"""Egress sources and lanes: the unit that is paced is one source towards one site."""

from msgspec import Struct


class Source(Struct, frozen=True, kw_only=True):
    """An egress source: the address mail leaves from (None: the system's choice) and the name it greets with.
    `ramp`: messages a day to a site that it is being warmed up to; None: it is warm."""

    pool: str
    helo: str
    address: str | None = None
    weight: int = 1
    ramp: int | None = None

    @property
    def name(self) -> str:
        """How logs, lanes and stores call it."""
        return self.address or "any"


class Lane(Struct, frozen=True):
    """One egress source towards one site."""

    source: Source
    site: str

    def __str__(self) -> str:
        return f"{self.source.pool}/{self.source.name}>{self.site}"
