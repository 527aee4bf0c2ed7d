"""What each site of a policy saw, counted by the site itself: a summary, and a line for each event for whoever wants proof."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

MINUTE = 60.0

LIMITED = ("down", "blocked", "crowded", "used_up", "too_fast")
"""Events in which the site turned traffic away; the others are about recipients, or good."""


@dataclass(slots=True)
class Window:
    """The most events there ever were within `span` seconds."""

    span: float
    peak: int = 0
    _times: deque[float] = field(default_factory=deque)

    def count(self, now: float) -> None:
        self._times.append(now)
        while self._times[0] <= now - self.span:
            self._times.popleft()
        self.peak = max(self.peak, len(self._times))


@dataclass(slots=True)
class Counts:
    """One site's. A message is counted when the site answers for it, at MAIL or at RCPT, whatever it says."""

    events: Counter[str] = field(default_factory=Counter)
    peak_connections: dict[str, int] = field(default_factory=dict)
    second: Window = field(default_factory=lambda: Window(1.0))
    minute: Window = field(default_factory=lambda: Window(MINUTE))
    first: float | None = None
    last: float | None = None

    def as_json(self) -> dict[str, Any]:
        messages = sum(self.events[what] for what in ("accepted", "greylisted", "unknown", "transient"))
        throttled = sum(self.events[what] for what in LIMITED[1:])
        return {
            "connections": self.events["connect"],
            "peak_connections": self.peak_connections,
            "attempts": messages + throttled,
            "taken": self.events["taken"],
            "throttled": throttled,
            "peak_per_second": self.second.peak,
            "peak_per_minute": self.minute.peak,
            "events": dict(sorted(self.events.items())),
            "began_at": self.first,
            "ended_at": self.last,
        }


class Audit:
    """The counts of all sites; `write` gets the lines. Events: `connect`, `close`, `accepted` (the recipient), `taken` (the
    message), `unknown`, `transient`, `greylisted`, and the limits: `crowded`, `too_fast`, `used_up`, `blocked`, `down`."""

    def __init__(
        self, write: Callable[[str], object] = lambda line: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._write = write
        self._clock = clock
        self.sites: dict[str, Counts] = {}

    def note(self, what: str, site: str, source: str, connections: int) -> None:
        """One event; `connections` are open now from this source."""
        now, counts = self._clock(), self.sites.setdefault(site, Counts())
        counts.events[what] += 1
        if what == "connect":
            counts.peak_connections[source] = max(connections, counts.peak_connections.get(source, 0))
        elif what not in ("close", "taken", "crowded", "down"):
            counts.second.count(now)
            counts.minute.count(now)
        counts.first, counts.last = counts.first or now, now
        line = {"at": round(now, 4), "site": site, "source": source, "what": what, "connections": connections}
        self._write(msgspec.json.encode(line).decode() + "\n")

    def as_json(self) -> dict[str, Any]:
        return {"sites": {name: counts.as_json() for name, counts in self.sites.items()}}
