"""The queues of one prefix, named as on RabbitMQ."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    prefix: str

    @property
    def bulk(self) -> str:
        return f"{self.prefix}.bulk"

    @property
    def transactional(self) -> str:
        return f"{self.prefix}.transactional"

    @property
    def feedback(self) -> str:
        return f"{self.prefix}.feedback"

    @property
    def rejected(self) -> str:
        return f"{self.prefix}.rejected"

    def of(self, *, transactional: bool) -> str:
        return self.transactional if transactional else self.bulk
