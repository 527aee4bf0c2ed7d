"""What the sites counted held against what the store had granted at the time. Pure.

The sites' events are those of `campaign-mta sink --audit`; the grants are every version of every lane's account, as a trigger
of the database kept them. Both clocks are this machine's.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mta.traffic.rule import Rule
from mta.traffic.shares import Account

LAG = 2.0
"""Seconds that a permit may be on its way to the site, and a connection that is given up; more than a busy machine takes."""

SPANS = (10.0, 60.0)
"""Seconds over which messages are counted."""

_ATTEMPTS = {"accepted", "unknown", "transient", "greylisted", "too_fast", "used_up"}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a lane's account. `at`: POSIX seconds."""

    at: float
    account: Account

    def granted(self, now: float) -> tuple[int, float]:
        """Connections, and messages a second, of the leases that have not run out."""
        held = [lease for lease in self.account.leases.values() if lease.until > now]
        return sum(lease.window for lease in held), sum(lease.rate for lease in held)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the sites' audit."""

    at: float
    site: str
    what: str
    connections: int


def read_events(text: str) -> list[Event]:
    """All lines but one that is still being written."""
    lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return [Event(line["at"], line["site"], line["what"], line["connections"]) for line in lines]


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and each case in which more was seen or granted than there was leave for, in words."""

    connections: int
    windows: int
    grants: int
    breaches: tuple[str, ...]


def prove(site: str, versions: Sequence[Version], events: Sequence[Event], rule: Rule, workers: int) -> Proof:
    """Compare one site's count with its lane's grants. `workers`: how many there ever were at once; each may be a message
    ahead of an even pace."""
    own = [event for event in events if event.site == site]
    opened = [event for event in own if event.what == "connect"]
    sent = [event.at for event in own if event.what in _ATTEMPTS]
    granted = _Granted(versions)
    breaches = [*_over_limit(site, versions, rule)]
    for event in opened:
        most = granted.connections(event.at - LAG, event.at)
        if event.connections > most:
            breaches.append(f"{site}: {event.connections} connections at {event.at:.2f}, {most} granted")
    windows = 0
    for span in SPANS:
        for first, start in enumerate(sent):
            many = bisect_right(sent, start + span) - first
            leave = granted.messages(start - LAG, start + span) + workers
            windows += 1
            if many > leave:
                breaches.append(f"{site}: {many} messages in {span:g} s from {start:.2f}, {leave:.1f} granted")
    return Proof(len(opened), windows, len(versions), tuple(breaches))


def _over_limit(site: str, versions: Sequence[Version], rule: Rule) -> list[str]:
    """No version grants more than the limits of its pace, or than what was out before."""
    breaches = []
    for before, after in pairwise(versions):
        window, rate, _ = after.account.pace.limits(rule)
        out, out_rate = before.granted(after.at)
        now, now_rate = after.granted(after.at)
        if now > max(window, out) or now_rate > max(rate, out_rate) * 1.000001:
            breaches.append(
                f"{site}: {now} connections and {now_rate:.3f}/s granted at {after.at:.2f}, of {window} and {rate:.3f}/s"
            )
    return breaches


class _Granted:
    """What was granted over time: steps between versions and the ends of leases."""

    def __init__(self, versions: Sequence[Version]) -> None:
        ends = [lease.until for version in versions for lease in version.account.leases.values()]
        self._times = sorted({*(version.at for version in versions), *ends})
        ats = [version.at for version in versions]
        self._steps = [versions[bisect_right(ats, time) - 1].granted(time) for time in self._times]
        self._sums = [0.0]
        for (start, end), (_, rate) in zip(pairwise(self._times), self._steps, strict=False):
            self._sums.append(self._sums[-1] + (end - start) * rate)

    def connections(self, start: float, end: float) -> int:
        """The most at any time between the two."""
        first, last = max(0, bisect_right(self._times, start) - 1), bisect_right(self._times, end)
        return max((window for window, _ in self._steps[first:last]), default=0)

    def messages(self, start: float, end: float) -> float:
        """How many, between the two, the rates let through."""
        return self._until(end) - self._until(start)

    def _until(self, time: float) -> float:
        place = bisect_right(self._times, time) - 1
        if place < 0:
            return 0.0
        return self._sums[place] + (time - self._times[place]) * self._steps[place][1]
