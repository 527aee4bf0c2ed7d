"""The weather at a site as a row of the store. Pure."""

from collections.abc import Mapping, Sequence

from feedback.qualifier.storm import Breaker, Counts, Weather, gathered
from feedback.store.text import storable

COLUMNS = "site, latest, latest_hard, recent, recent_hard, usual, usual_hard, at, stormy_since"

FORGET = 30 * 86400
"""Seconds after which a site is forgotten."""

Row = tuple[str, float, float, float, float, float, float, float, float | None]


def row(site: str, weather: Weather) -> Row:
    views = (weather.latest, weather.recent, weather.usual)
    latest, recent, usual = ((counts.attempts, counts.hard) for counts in views)
    return (storable(site), *latest, *recent, *usual, weather.at, weather.stormy_since)


def weathers(rows: Sequence[Sequence[object]]) -> dict[str, Weather]:
    """Rows read, by site."""
    return {str(found[0]): _weather(*found[1:]) for found in rows}  # type: ignore[arg-type]


def merged(
    kept: Mapping[str, Weather], counts: Mapping[str, Counts], now: float, breaker: Breaker
) -> dict[str, Weather]:
    """The weather at the sites of `counts` after what was counted there."""
    return {
        site: gathered(kept.get(site, Weather()), new, now, breaker) for site, new in counts.items() if new.attempts
    }


def _weather(
    latest: float,
    latest_hard: float,
    recent: float,
    recent_hard: float,
    usual: float,
    usual_hard: float,
    at: float,
    stormy_since: float | None,
) -> Weather:
    return Weather(
        Counts(latest, latest_hard), Counts(recent, recent_hard), Counts(usual, usual_hard), at, stormy_since
    )
