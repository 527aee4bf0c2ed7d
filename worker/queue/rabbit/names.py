"""The names under one prefix."""

from dataclasses import dataclass

LONGEST_SITE = 180
"""Octets of a site's name that fit, with everything around them, into the name of a queue."""


@dataclass(frozen=True, slots=True)
class Names:
    prefix: str

    @property
    def jobs(self) -> str:
        return f"{self.prefix}.jobs"

    @property
    def feedback(self) -> str:
        return f"{self.prefix}.feedback"

    @property
    def rejected(self) -> str:
        return f"{self.prefix}.rejected"

    @property
    def tickets(self) -> str:
        return f"{self.prefix}.tickets"

    @property
    def bulk(self) -> str:
        return f"{self.prefix}.bulk"

    @property
    def transactional(self) -> str:
        return f"{self.prefix}.transactional"

    @property
    def settled(self) -> str:
        """An exchange that is declared last: while it is missing, queues may be too young to be trusted."""
        return f"{self.prefix}.settled"

    @property
    def sites(self) -> str:
        """The queue that lists the busy sites."""
        return f"{self.prefix}.sites"

    @property
    def pen(self) -> str:
        """Who has this queue may change the list."""
        return f"{self.prefix}.pen"

    @property
    def held(self) -> str:
        """The exchange of what busy sites do not take yet."""
        return f"{self.prefix}.held"

    def wait(self, rung: int) -> str:
        return f"{self.prefix}.wait.{rung}"

    def bulk_of(self, site: str) -> str:
        """Exchange and queue of the jobs published for a busy site."""
        return f"{self.bulk}.{site}"

    def held_of(self, site: str) -> str:
        """The queue of a busy site's tickets that were looked at, and could not go."""
        return f"{self.held}.{site}"


def held_key(site: str) -> str:
    """The routing key of a held ticket: no class's, and bound to nothing but its site's queue."""
    return f"held.{site}"
