"""Fuzzing: a little of it in every test run, and as much as wanted by `python -m tests.fuzz INPUTS [SEED]`.

A test marked `fuzzed` is a target. The command feeds each target its share of random octets, from which hypothesis makes
what the test is given: ten times as many inputs in a second as the test runner, which thinks about each one. It stops at
the first failure, and the next ordinary run of the test repeats and reduces it.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import perf_counter

from hypothesis import HealthCheck, settings

UNIT = Path(__file__).parent / "unit"
MOST = 600
"""Octets that an input is made of at most."""

fuzzed = settings(
    max_examples=int(os.environ.get("CAMPAIGN_MTA_FUZZ", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

Feed = Callable[[bytes], bytes | None]
"""Gives a target the input that the octets make; None: they make none."""


def targets() -> Iterator[tuple[str, Feed]]:
    """Every target by its name."""
    for path in sorted(UNIT.rglob("test_*.py")):
        if "@fuzzed" in path.read_text(encoding="utf-8"):
            parts = path.relative_to(UNIT.parents[1]).with_suffix("").parts
            module = importlib.import_module(".".join(parts))
            for name, test in vars(module).items():
                if name.startswith("test_fuzz_"):
                    yield name, test.hypothesis.fuzz_one_input


def fuzz(feed: Feed, inputs: int, rng: Random) -> None:
    """Feed a target so many inputs."""
    given = 0
    while given < inputs:
        given += feed(rng.randbytes(rng.randint(1, MOST))) is not None


def main(inputs: int, seed: int) -> None:
    """Print a line for each target and one for all."""
    found = list(targets())
    share, began = -(-inputs // len(found)), perf_counter()
    for name, feed in found:
        start = perf_counter()
        fuzz(feed, share, Random(f"{seed} {name}"))
        print(f"{name:75} {share:>9} inputs {perf_counter() - start:7.1f} s", flush=True)
    print(f"{f'{len(found)} targets, seed {seed}':75} {share * len(found):>9} inputs {perf_counter() - began:7.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
