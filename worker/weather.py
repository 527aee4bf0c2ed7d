"""The weather at each site as this worker sees it: what all workers have counted, and what it has counted itself since."""

from collections import OrderedDict
from collections.abc import Mapping

import structlog

from feedback.qualification import Verdict
from feedback.qualifier.storm import Breaker, Counts, Weather, counted, gathered, shares

_log = structlog.get_logger("worker.weather")

MAX_SITES = 10_000
"""Sites whose weather is remembered; the one not heard of for longest is forgotten first."""

_SUSPECT = 3
"""Hard replies at a site, most of what came, after which others should hear of it at once."""


class Weathers:
    """Counts go out with `take` and come back, with those of other workers, through `learn`. Until then, and while the store
    is away, a worker goes by its own."""

    def __init__(self, breaker: Breaker | None = None, sites: int = MAX_SITES) -> None:
        self._breaker = breaker or Breaker()
        self._sites = sites
        self._seen: OrderedDict[str, Weather] = OrderedDict()
        # Messages not yet reckoned with, and when the last was taken.
        self._delivered: dict[str, tuple[int, float]] = {}
        self._since: dict[str, Counts] = {}
        self.restless = False

    def delivered(self, site: str, now: float) -> None:
        """One more message was taken. No storm begins with that, so it is only counted, until there is something to ask."""
        count, _ = self._delivered.get(site, (0, now))
        self._delivered[site] = count + 1, now
        if site not in self._seen or self._seen[site].stormy_since is not None:
            self._reckon(site, Counts(), now)

    def observe(self, site: str, verdict: Verdict | None, now: float) -> Weather:
        """The weather at a site after one more settled attempt: delivered (`verdict` None) or refused."""
        return self._reckon(site, counted(verdict), now)

    def take(self, now: float) -> dict[str, Counts]:
        """What was counted since the last time."""
        for site in list(self._delivered):
            self._reckon(site, Counts(), now)
        taken, self._since, self.restless = self._since, {}, False
        return taken

    def put_back(self, counts: Mapping[str, Counts]) -> None:
        """Counts that could not be kept elsewhere."""
        for site, taken in counts.items():
            if site in self._seen:
                self._since[site] = self._since.get(site, Counts()) + taken

    def learn(self, standing: Mapping[str, Weather], now: float) -> None:
        """Take over what all workers have counted, the counts taken from here among them."""
        for site, weather in standing.items():
            since = self._since.get(site)
            after = gathered(weather, since, now, self._breaker) if since else weather
            self._remember(site, self._seen.get(site, Weather()), after)

    def _reckon(self, site: str, last: Counts, now: float) -> Weather:
        """Take in what was delivered and then `last`."""
        before = after = self._seen.get(site, Weather())
        count, at = self._delivered.pop(site, (0, now))
        for new, when in ((Counts(float(count)), at), (last, now)):
            if new.attempts:
                after = gathered(after, new, when, self._breaker)
                self._since[site] = self._since.get(site, Counts()) + new
        since = self._since[site]
        suspect = since.hard >= _SUSPECT and since.share >= self._breaker.sudden
        self.restless |= suspect and after.stormy_since is None
        self._remember(site, before, after)
        return after

    def _remember(self, site: str, before: Weather, after: Weather) -> None:
        self._seen[site] = after
        self._seen.move_to_end(site)
        if len(self._seen) > self._sites:
            forgotten, _ = self._seen.popitem(last=False)
            self._since.pop(forgotten, None)
            self._delivered.pop(forgotten, None)
        if (before.stormy_since is None) != (after.stormy_since is None):
            self._tell(site, after)

    def _tell(self, site: str, weather: Weather) -> None:
        share, usual = (round(found, 3) for found in shares(weather, self._breaker))
        if weather.stormy_since is not None:
            _log.error("storm", site=site, hard_share=share, usual_share=usual, since=weather.stormy_since)
        else:
            _log.warning("storm_over", site=site, hard_share=share, usual_share=usual)
