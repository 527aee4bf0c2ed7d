"""The tracker's side of the feedback queue."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class FeedbackMessage:
    """One message of the feedback queue; `receipt` belongs to the adapter."""

    body: bytes
    receipt: Any = field(default=None, compare=False, repr=False)


class FeedbackStream(Protocol):
    """Feedback messages, each coming back until it is done. Methods may raise what the adapter calls being away."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def take(self, limit: int) -> list[FeedbackMessage]:
        """Up to `limit` messages; waits until there is at least one."""

    async def done(self, messages: Sequence[FeedbackMessage]) -> None:
        """Finish them."""
