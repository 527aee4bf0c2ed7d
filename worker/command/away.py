"""The store away, as commands say it."""

import sys


def say_away(fault: Exception, therefore: str = "") -> int:
    """Say that the store is away and what to look at, on the error stream; the exit code. `therefore`: what that means."""
    so = f", so {therefore}" if therefore else ""
    print(f"the store cannot be reached{so}: {fault}; is it running, and is [store] url right?", file=sys.stderr)
    return 1
