"""Where a source that is warmed up stands, for people and for JSON. Pure."""

from typing import Any

from mta.traffic.ramp import Ramp


def told(lane: str, ramp: Ramp, date: int) -> dict[str, Any]:
    """A lane's ramp as it stands on a date (days since the epoch)."""
    now = ramp.on(date)
    return {
        "lane": lane,
        "day": now.day,
        "warm": now.warm,
        "volume": now.volume,
        "today": None if now.warm else now.quota,
        "sent_today": now.sent,
        "refused_today": now.refused,
    }


def line(told: dict[str, Any]) -> str:
    """The same as a sentence."""
    if told["warm"]:
        return f"lane {told['lane']} is warmed up: its source's ramp is over"
    used = f"{told['sent_today']:,} of today's {told['today']:,} messages used"
    refused = f", {told['refused_today']:,} of them refused for our traffic" if told["refused_today"] else ""
    return f"lane {told['lane']} is warmed up: ramp day {told['day']}, {used}{refused}; {told['volume']:,} a day at the end"
