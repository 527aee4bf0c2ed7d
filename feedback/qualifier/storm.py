"""The storm breaker: a site that suddenly calls many addresses dead is more likely ill than right.

On 2021-04-26 Apple answered `550 5.1.1 user lookup success but no user record found` for valid addresses during six hours, and
senders everywhere quarantined good addresses. No rule can tell such a reply from an honest one; the share can. Per site the
breaker keeps the share of hard replies among settled attempts as it usually is, and as it is now; while the second is far
above the first, hard becomes soft, to be qualified by an operator.

Pure: state in, state out, `now` a parameter (POSIX seconds). Counts fade with time instead of being cut at windows, so that a
state is five numbers however much is sent, and small sites are never judged by a handful of replies.

The rule. With h hard of n settled attempts in the last `recent` seconds (fading) and the usual share u (fading over `usual`,
at least `floor`): the storm begins when n >= `least` and h/n >= max(`times` * u, `share`) and h is beyond chance, that is
h - n*u >= `sigmas` * sqrt(n*u). Of a site with less than `known` attempts of history nobody can say what is usual, only
that nearly everything hard (`blind`) is not it. The storm is over when h/n has fallen under half the threshold, when
nothing was heard for `quiet` seconds, or after `longest`: then it was no outage, and what is now becomes usual. Until then
nothing is learnt about what is usual, or the storm would become it.
"""

import math
from dataclasses import dataclass, replace

from feedback.qualification import Qualification, Type, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When to call it a storm. `share` keeps a site with next to no bad addresses from storming at a few; a list full of
    dead addresses has a high usual share and is not mistaken for one."""

    recent: float = 600.0
    usual: float = 7 * 86400.0
    least: float = 50.0
    times: float = 5.0
    share: float = 0.2
    sigmas: float = 6.0
    floor: float = 0.01
    known: float = 200.0  # also the weight of `floor` in what a site starts with
    blind: float = 0.8
    quiet: float = 6 * 3600.0
    longest: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Weather:
    """What is known of one site: fading counts of settled attempts and hard ones, now and usually; when they were last
    touched; since when it storms (None: it does not)."""

    attempts: float = 0.0
    hard: float = 0.0
    usual_attempts: float = 0.0
    usual_hard: float = 0.0
    at: float = 0.0
    stormy_since: float | None = None


def observed(weather: Weather, verdict: Verdict | None, now: float, breaker: Breaker) -> Weather:
    """The weather after one more settled attempt: delivered (`verdict` None) or refused."""
    hard = verdict is not None and verdict.qualification.type is Type.HARD
    faded = _faded(weather, now, breaker)
    after = replace(faded, attempts=faded.attempts + 1, hard=faded.hard + hard)
    if after.stormy_since is None:
        after = replace(after, usual_attempts=after.usual_attempts + 1, usual_hard=after.usual_hard + hard)
        return _undone(after, now) if _breaks(after, breaker) else after
    return replace(after, stormy_since=None) if _over(after, breaker) else after


def shares(weather: Weather, breaker: Breaker) -> tuple[float, float]:
    """The share of hard replies now and usually, for people to read."""
    return weather.hard / weather.attempts if weather.attempts else 0.0, _usual_share(weather, breaker)


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
    recent, usual = math.exp(-passed / breaker.recent), math.exp(-passed / breaker.usual)
    return _calmed(
        Weather(
            weather.attempts * recent,
            weather.hard * recent,
            weather.usual_attempts * usual,
            weather.usual_hard * usual,
            max(now, weather.at),
            weather.stormy_since,
        ),
        passed,
        breaker,
    )


def _calmed(weather: Weather, passed: float, breaker: Breaker) -> Weather:
    """The weather without a storm that has gone quiet, or that has lasted too long to be one."""
    if weather.stormy_since is None:
        return weather
    if weather.at - weather.stormy_since >= breaker.longest:
        return replace(weather, stormy_since=None, usual_attempts=weather.attempts, usual_hard=weather.hard)
    return replace(weather, stormy_since=None) if passed >= breaker.quiet else weather


def _undone(weather: Weather, now: float) -> Weather:
    """A storm is noticed only after some of it has been counted as usual; take that out again."""
    attempts = max(0.0, weather.usual_attempts - weather.attempts)
    hard = max(0.0, weather.usual_hard - weather.hard)
    return replace(weather, usual_attempts=attempts, usual_hard=hard, stormy_since=now)


def _history(weather: Weather) -> tuple[float, float]:
    """Attempts and hard ones that stand for what is usual, without those being judged."""
    judged = weather.stormy_since is None
    attempts = weather.usual_attempts - (weather.attempts if judged else 0.0)
    hard = weather.usual_hard - (weather.hard if judged else 0.0)
    return max(0.0, attempts), max(0.0, hard)


def _usual_share(weather: Weather, breaker: Breaker) -> float:
    attempts, hard = _history(weather)
    return max(breaker.floor, (hard + breaker.known * breaker.floor) / (attempts + breaker.known))


def _threshold(weather: Weather, breaker: Breaker) -> float:
    if _history(weather)[0] < breaker.known:
        return breaker.blind
    return max(breaker.share, min(0.9, breaker.times * _usual_share(weather, breaker)))


def _breaks(weather: Weather, breaker: Breaker) -> bool:
    if weather.attempts < breaker.least or weather.hard < weather.attempts * _threshold(weather, breaker):
        return False
    expected = weather.attempts * _usual_share(weather, breaker)
    return weather.hard - expected >= breaker.sigmas * math.sqrt(expected)


def _over(weather: Weather, breaker: Breaker) -> bool:
    return weather.attempts >= breaker.least and weather.hard < weather.attempts * _threshold(weather, breaker) / 2
