"""Durations as settings and commands write them: one number and one unit, such as `30s`, `5m`, `84h`, `2d`."""

import re

SECOND, MINUTE, HOUR, DAY = 1.0, 60.0, 3600.0, 86400.0

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}  # in milliseconds
_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)")


def parse_duration(text: str) -> float:
    """Seconds. `ValueError`, with a text for the user, when `text` is no duration."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write a number and ms, s, m, h or d, such as 30s, 5m or 2d")
    return float(found[1]) * _UNITS[found[2]] / 1000


def format_duration(seconds: float) -> str:
    """The shortest exact form, to the millisecond: 300 is `5m`, 302400 is `84h`, 90 is `90s`."""
    left = round(seconds * 1000)
    sign, left = ("-", -left) if left < 0 else ("", left)
    if left == 0:
        return "0s"
    unit = next(unit for unit in reversed(_UNITS) if left % _UNITS[unit] == 0)
    return f"{sign}{left // _UNITS[unit]}{unit}"
