"""What a run did over time: attempts and refusals at each site, second by second, beside the limit that was hidden."""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

from worker.simulation.engine import Engine, Place
from worker.simulation.scenario import SiteEntry

COLUMNS = 240
"""Steps of time in a picture, about."""

_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)


@dataclass(slots=True)
class Trace:
    """One controller's run. Counts are by site and whole second; `throttled` are among the `attempts`."""

    controller: str
    sources: int = 1
    messages: dict[str, int] = field(default_factory=dict)
    entries: dict[str, SiteEntry] = field(default_factory=dict)
    attempts: dict[str, Counter[int]] = field(default_factory=dict)
    throttled: dict[str, Counter[int]] = field(default_factory=dict)
    ended: float = 0.0

    def follow(self, engine: Engine) -> None:
        """Count what this engine does from now on."""
        self.sources = engine.scenario.sources
        for place in engine.places:
            self.messages[place.name], self.entries[place.name] = place.messages, place.entry
            self.attempts[place.name], self.throttled[place.name] = Counter(), Counter()
        engine.watch = self.note

    def note(self, place: Place, now: float, throttled: bool) -> None:
        """An attempt has ended."""
        second, self.ended = int(now), max(self.ended, now)
        self.attempts[place.name][second] += 1
        if throttled:
            self.throttled[place.name][second] += 1

    @property
    def width(self) -> int:
        """Seconds of one step in a picture of the whole run."""
        wanted = self.ended / COLUMNS
        return next((width for width in _WIDTHS if width >= wanted), ceil(wanted))

    def per_minute(self, site: str, width: int) -> tuple[list[float], list[float], list[float]]:
        """For steps of `width` seconds: when they begin; attempts a minute that the site let pass; and that it refused."""
        steps = int(self.ended // width) + 1
        passed, refused = [0.0] * steps, [0.0] * steps
        for second, count in self.attempts[site].items():
            step, no = second // width, self.throttled[site][second]
            passed[step] += (count - no) * 60 / width
            refused[step] += no * 60 / width
        return [step * float(width) for step in range(steps)], passed, refused

    def limit(self, site: str) -> tuple[list[float], list[float]] | None:
        """The times at which the hidden limit changes, from 0 on, and the messages a minute that all sources may send from
        then on; None: the rate was never limited."""
        entry = self.entries[site]
        limits = [(0.0, entry.max_rate)]
        limits += [(change.at, change.max_rate) for change in entry.change if "max_rate" in change.model_fields_set]
        if all(rate is None for _, rate in limits):
            return None
        times = [at for at, _ in limits] + [max(self.ended, limits[-1][0])]
        rates = [rate * 60 * self.sources if rate is not None else float("nan") for _, rate in limits]
        return times, [*rates, rates[-1]]
