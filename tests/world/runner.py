"""Many worlds, one after the other or on several cores, each judged."""

import gc
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import structlog

from tests.world.oracle import judge
from tests.world.planted import Bug
from tests.world.story import Story
from tests.world.world import live

_PORTION = 50


@dataclass(slots=True)
class Sum:
    """What a number of worlds came to. `broken`: the breaches of each seed that had any."""

    worlds: int = 0
    jobs: int = 0
    events: int = 0
    copies: int = 0
    doubts: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    broken: dict[int, list[str]] = field(default_factory=dict)

    def add(self, story: Story, breaches: list[str]) -> None:
        said = [moment.about for moment in story.moments if moment.what == "published"]
        self.worlds += 1
        self.jobs += len(story.jobs)
        self.events += len({event.event_id for event in said})
        self.copies += sum(moment.what == "copy" for moment in story.moments)
        self.doubts += sum(event.final and event.in_doubt for event in {e.event_id: e for e in said}.values())
        self.steps += story.steps
        self.faults += story.faults
        if breaches:
            self.broken[story.seed] = breaches

    def merge(self, other: "Sum") -> None:
        for name in ("worlds", "jobs", "events", "copies", "doubts", "steps"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults += other.faults
        self.broken |= other.broken


def one(seed: int) -> tuple[Story, list[str]]:
    """One world and its breaches; what raises breaks the promise that nothing does."""
    gc.collect()  # a world is full of circles; what was there before the first one is not looked through again
    try:
        story = live(seed)
    except RuntimeError as fault:  # it never ends, or nothing will ever happen again
        return Story(seed), [str(fault)]
    return story, judge(story)


def some(seeds: Sequence[int]) -> Sum:
    total = Sum()
    with hushed():
        for seed in seeds:
            total.add(*one(seed))
    return total


def many(first: int, number: int, cores: int) -> Iterator[Sum]:
    """Portion by portion, as they are done."""
    portions = [range(start, min(start + _PORTION, first + number)) for start in range(first, first + number, _PORTION)]
    if cores == 1:
        yield from map(some, portions)
        return
    with get_context("spawn").Pool(cores) as pool:
        yield from pool.imap_unordered(some, portions)


def seeds_until_caught(bug: Bug, most: int) -> tuple[int, list[str]] | None:
    """How many seeds it takes until a planted bug shows, and as what; None: not within `most`."""
    with hushed(), bug.planted():
        for seed in range(most):
            _, breaches = one(seed)
            if breaches:
                return seed + 1, breaches
    return None


@contextmanager
def hushed() -> Iterator[None]:
    """The workers' own log lines would cost more than all the rest, and so would looking for garbage in what is none."""
    before: dict[str, Any] = structlog.get_config()
    gc.freeze()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
        gc.unfreeze()
