"""The storm breaker: a site that suddenly calls many addresses dead is more likely ill than right.

On 2021-04-26 Apple answered `550 5.1.1 user lookup success but no user record found` for valid addresses during six hours, and
senders everywhere quarantined good addresses. No rule can tell such a reply from an honest one; the share can. Per site the
breaker keeps the share of hard replies among settled attempts as it usually is, and as it is now; while the second is far
above the first, hard becomes soft, to be qualified by an operator.

Pure: state in, state out, `now` a parameter (POSIX seconds). Counts fade instead of being cut at windows, so that a state is a
few numbers however much is sent, and small sites are never judged by a handful of replies. They add up: what several
workers have counted is one state, in whatever order it comes in (`gathered`).

The rule. The share of hard replies is looked at twice: among the `latest` attempts, however long they took, which finds an
outage within tens of attempts at a busy site and a slow one; and within the last `recent` seconds, which finds one that calls
only some of the addresses dead. With h hard of n attempts in either and the usual share u (fading over `usual`, at
least `floor`), the storm begins when n >= `least`, h/n >= max(`times` * u, `sudden` or `share`), and h is beyond chance, that
is h - n*u >= `sigmas` * sqrt(n*u). Of a site with less than `known` attempts of history nobody can say what is usual, only
that nearly everything hard (`blind`) is not it. The storm is over when both shares have fallen under half their thresholds,
when nothing was heard for `quiet` seconds, or after `longest`: then it was no outage, and what is now becomes usual. Until
then nothing is learnt about what is usual, or the storm would become it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from feedback.qualification import Qualification, Type, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When to call it a storm. `sudden` and `share` keep a site with next to no bad addresses from storming at a few; a
    list full of dead addresses has a high usual share and is not mistaken for one."""

    latest: float = 100.0  # attempts
    recent: float = 600.0
    usual: float = 7 * 86400.0
    least: float = 50.0
    times: float = 5.0
    sudden: float = 0.4
    share: float = 0.2
    sigmas: float = 6.0
    floor: float = 0.01
    known: float = 200.0  # also the weight of `floor` in what a site starts with
    blind: float = 0.8
    quiet: float = 6 * 3600.0
    longest: float = 24 * 3600.0


class Counts(Struct, frozen=True):
    """Attempts, and how many of them were answered hard."""

    attempts: float = 0.0
    hard: float = 0.0

    @property
    def share(self) -> float:
        return self.hard / self.attempts if self.attempts else 0.0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.attempts + other.attempts, self.hard + other.hard)

    def without(self, other: Self) -> Self:
        return type(self)(max(0.0, self.attempts - other.attempts), max(0.0, self.hard - other.hard))

    def fading(self, left: float) -> Self:
        return type(self)(self.attempts * left, self.hard * left)


class Weather(Struct, frozen=True):
    """What is known of one site: fading counts of the latest attempts, of recent ones and of what is usual; when they were
    last touched; since when it storms (None: it does not)."""

    latest: Counts = Counts()
    recent: Counts = Counts()
    usual: Counts = Counts()
    at: float = 0.0
    stormy_since: float | None = None


def observed(weather: Weather, verdict: Verdict | None, now: float, breaker: Breaker) -> Weather:
    """The weather after one more settled attempt: delivered (`verdict` None) or refused."""
    return gathered(weather, counted(verdict), now, breaker)


def counted(verdict: Verdict | None) -> Counts:
    """One settled attempt as it counts."""
    return Counts(1.0, float(verdict is not None and verdict.qualification.type is Type.HARD))


def gathered(weather: Weather, new: Counts, now: float, breaker: Breaker) -> Weather:
    """The weather after some more settled attempts, at least one."""
    faded = _faded(weather, now, breaker)
    after = replace(faded, latest=_latest(faded.latest, new, breaker), recent=faded.recent + new)
    if after.stormy_since is None:
        after = replace(after, usual=after.usual + new)
        storm = _broken(after, breaker)
        # A storm is noticed only after some of it has been counted as usual; that is taken out again.
        return replace(after, usual=after.usual.without(storm), stormy_since=now) if storm else after
    return replace(after, stormy_since=None) if _over(after, breaker) else after


def shares(weather: Weather, breaker: Breaker) -> tuple[float, float]:
    """The share of hard replies now and usually, for people to read."""
    (latest, usual, _), (recent, _, _) = _views(weather, breaker)
    return max(latest.share, recent.share), usual


def stormy(weathers: Mapping[str, Weather], now: float) -> dict[str, float]:
    """The sites where it storms now, and since when."""
    breaker = Breaker()
    faded = {site: _faded(weather, now, breaker) for site, weather in weathers.items()}
    return {site: weather.stormy_since for site, weather in faded.items() if weather.stormy_since is not None}


def softened(verdict: Verdict, weather: Weather) -> Verdict:
    """The verdict as it is to be reported in this weather: during a storm nothing is hard."""
    found = verdict.qualification
    if weather.stormy_since is None or found.type is not Type.HARD:
        return verdict
    soft = Qualification(
        code=found.code, type=Type.SOFT, reason=found.reason, rule=f"storm/{found.rule}", to_qualify=True
    )
    return Verdict(soft, retry=True)


def _faded(weather: Weather, now: float, breaker: Breaker) -> Weather:
    passed = max(0.0, now - weather.at)
    faded = Weather(
        latest=weather.latest.fading(math.exp(-passed / breaker.quiet)),
        recent=weather.recent.fading(math.exp(-passed / breaker.recent)),
        usual=weather.usual.fading(math.exp(-passed / breaker.usual)),
        at=max(now, weather.at),
        stormy_since=weather.stormy_since,
    )
    return _calmed(faded, passed, breaker)


def _latest(before: Counts, new: Counts, breaker: Breaker) -> Counts:
    """Each attempt takes its share of the place of those before; several at once as if they had come well mixed."""
    left = (1 - 1 / breaker.latest) ** new.attempts
    room = breaker.latest * (1 - left)
    return before.fading(left) + Counts(room, room * new.share)


def _calmed(weather: Weather, passed: float, breaker: Breaker) -> Weather:
    """The weather without a storm that has gone quiet, or that has lasted too long to be one."""
    if weather.stormy_since is None:
        return weather
    if weather.at - weather.stormy_since >= breaker.longest:
        weight = 2 * breaker.known
        return replace(weather, stormy_since=None, usual=Counts(weight, weight * weather.latest.share))
    return replace(weather, stormy_since=None) if passed >= breaker.quiet else weather


def _views(weather: Weather, breaker: Breaker) -> tuple[tuple[Counts, float, float], ...]:
    """What is looked at, each with the share that is usual and the share that would be a storm."""
    return tuple(
        (counts, *_measures(_history(weather, counts), least, breaker))
        for counts, least in ((weather.latest, breaker.sudden), (weather.recent, breaker.share))
    )


def _history(weather: Weather, judged: Counts) -> Counts:
    """What stands for usual, without what is being judged; a storm's attempts are not in it anyway."""
    return weather.usual.without(judged) if weather.stormy_since is None else weather.usual


def _measures(history: Counts, least: float, breaker: Breaker) -> tuple[float, float]:
    usual = max(breaker.floor, (history + Counts(breaker.known, breaker.known * breaker.floor)).share)
    known = history.attempts >= breaker.known
    return usual, max(least, min(0.9, breaker.times * usual)) if known else breaker.blind


def _broken(weather: Weather, breaker: Breaker) -> Counts | None:
    """The attempts that are a storm."""
    for counts, usual, storm in _views(weather, breaker):
        chance = breaker.sigmas * math.sqrt(counts.attempts * usual)
        if (
            counts.attempts >= breaker.least
            and counts.share >= storm
            and counts.hard - counts.attempts * usual >= chance
        ):
            return counts
    return None


def _over(weather: Weather, breaker: Breaker) -> bool:
    heard = [(counts, storm) for counts, _, storm in _views(weather, breaker) if counts.attempts >= breaker.least]
    return bool(heard) and all(counts.share < storm / 2 for counts, storm in heard)
