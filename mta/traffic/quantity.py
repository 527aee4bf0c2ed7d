"""Durations, rates and triggers as rule files write them."""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(ms|s|min|m|h|d)")
_PER = re.compile(r"(\d{1,9})\s*/\s*(s|min|h)")


def parse_duration(text: str) -> float:
    """Seconds; at least a millisecond. `ValueError` says what a duration looks like."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or float(found[1]) == 0:
        raise ValueError(f"{text!r} is no duration: write a number and a unit, such as 30s, 5m or 2h")
    return float(found[1]) * _SECONDS[found[2]]


def parse_per(text: str) -> tuple[int, float]:
    """`2/h` as (count, seconds). `ValueError` says what it looks like."""
    found = _PER.fullmatch(text.strip())
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{text!r} is not n/s, n/min or n/h with n from 1")
    return int(found[1]), _SECONDS[found[2]]


def parse_rate(text: str) -> float:
    """Messages a second."""
    count, seconds = parse_per(text)
    return count / seconds


def format_rate(rate: float) -> str:
    """A rate for people: in the unit that shows it as a number of at least 1, where one does."""
    for unit in ("s", "min"):
        if rate * _SECONDS[unit] >= 1:
            return f"{rate * _SECONDS[unit]:.4g}/{unit}"
    return f"{rate * 3600:.4g}/h"
