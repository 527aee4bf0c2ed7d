"""Rates and triggers as rule files write them."""

import re

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_PER = re.compile(r"(\d{1,9})\s*/\s*(s|min|h)")


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
