"""Attempts as this worker makes them, by where and how they ended."""

from collections import Counter
from collections.abc import Callable

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Phase, Refused
from worker.durations import Durations

Watch = Callable[[Attempt, str, float], None]

_BOUNDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Attempts:
    """Sees every attempt, and passes it on to whoever else watches."""

    def __init__(self, beside: Watch) -> None:
        self.beside = beside
        self.ended: Counter[tuple[Phase, str]] = Counter()
        self.durations = Durations(_BOUNDS)

    def watch(self, attempt: Attempt, domain: str, now: float) -> None:
        """An attempt for a recipient in `domain` has ended."""
        self.ended[attempt.phase, _ending(attempt)] += 1
        if attempt.phase is not Phase.DNS:  # no server was met
            self.durations.note(attempt.duration)
        self.beside(attempt, domain, now)


def _ending(attempt: Attempt) -> str:
    """RFC 5321 section 4.2.1 has the words for what a server answers."""
    match attempt.ending:
        case Delivered():
            return "delivered"
        case Refused(reply):
            return "permanent" if reply.code >= 500 else "transient"
        case Broken():
            return "broken"
        case Doubtful():
            return "doubtful"
