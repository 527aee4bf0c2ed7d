"""The delay ladder: which rungs, of 2**n seconds each, make up a delay."""

import math

RUNGS = 18
_DIGITS = 6  # a delay rounded up to six binary digits is at most 1/32 too long, and takes at most six rungs

LONGEST = ((1 << _DIGITS) - 1) << (RUNGS - _DIGITS)
"""Seconds (almost three days) the ladder can hold a ticket; what must wait longer is put on it again."""


def rungs(delay: float) -> tuple[int, ...]:
    """The rungs that hold a ticket for `delay` seconds or slightly more, the longest first; none for no delay.

    The sum is never less than the delay (up to `LONGEST`), and exceeds it by no more than a second and 1/32.
    """
    seconds = min(math.ceil(max(delay, 0)), LONGEST)
    step = 1 << max(seconds.bit_length() - _DIGITS, 0)
    seconds = -(-seconds // step) * step
    return tuple(n for n in reversed(range(RUNGS)) if seconds >> n & 1)
