"""Numbers, times and words as people read them. Pure."""

from datetime import UTC, datetime

NARROW = "\u202f"
"""A narrow space that does not break: between a number and its unit."""

_STEPS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))

STANDINGS = {
    "accepted": "taken, not tried yet",
    "delayed": "to be tried again",
    "sent": "sent",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""How a message stands, in words."""


def count(number: float) -> str:
    """`12,345`; above ten million `12.3 M`."""
    return f"{number / 1e6:,.1f}{NARROW}M" if number >= 10_000_000 else f"{number:,.0f}"


def share(percent: float) -> str:
    """A share cut after one place: only all of them is 100 %."""
    return f"{round(percent * 100) // 10 / 10:.1f}{NARROW}%" if percent < 100 else f"100{NARROW}%"


def lasting(seconds: float) -> str:
    """A duration in its two largest units: `3 h 20 min`, `45 s`."""
    left = max(0, round(seconds))
    parts = []
    for unit, size in _STEPS:
        if left >= size:
            parts.append(f"{left // size}{NARROW}{unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2]) or f"0{NARROW}s"


def milliseconds(number: float) -> str:
    """`380 ms`, `4.2 s`, `3 min 5 s`."""
    if number < 1000:
        return f"{number:.0f}{NARROW}ms"
    return f"{number / 1000:.1f}{NARROW}s" if number < 60_000 else lasting(number / 1000)


def pace(per_second: float) -> str:
    """A rate to three figures: `12.5/s`, `40/min`, `3/h`."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{_figures(per_second * seconds)}/{unit}"
    return f"{_figures(per_second * 3600)}/h"


def _figures(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock(at: float, now: float) -> str:
    """A time of day in UTC, with its date unless that is today's."""
    moment, today = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(now, UTC)
    if moment.date() == today.date():
        return f"{moment:%H:%M:%S}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == today.year else f"{moment.day} {moment:%b %Y %H:%M}"


def words(name: str) -> str:
    """`mailbox_full` for people."""
    return name.replace("_", " ")
