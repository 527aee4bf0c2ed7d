"""What an outage costs before it is called one: good addresses reported hard, over all workers.

python -m tests.bench.storm

On 2021-04-26 a large provider answered valid addresses `550 5.1.1` for six hours. Here a site of whose addresses one in a hundred
is usually dead begins to call all of them, or half of them, dead; workers exchange what they count as they do at work.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from feedback.qualification import Code, Qualification, Reason, Type, Verdict
from feedback.qualifier.storm import Breaker, Counts, Weather, softened
from feedback.weather.row import merged
from worker.weather import Weathers

SITE = "big"
DEAD = Verdict(
    Qualification(code=Code.INVALID_RECIPIENT, type=Type.HARD, reason=Reason.USER_UNKNOWN, rule="user-unknown@1"), False
)
FLUSH, GLANCE = 3.0, 0.5
"""Seconds between a worker's exchanges, and between its looks at whether one is due early (`worker.bookkeeping`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    workers: int
    rate: float
    """Attempts a second, over all workers."""
    share: float = 1.0
    shared: bool = True
    seed: int = 1


@dataclass(slots=True)
class _Almanac:
    """The store: one weather for all."""

    weathers: dict[str, Weather] = field(default_factory=dict)

    def exchange(self, counts: Mapping[str, Counts], now: float) -> dict[str, Weather]:
        self.weathers |= merged(self.weathers, counts, now, Breaker())
        return self.weathers


def lost(outage: Outage, attempts: int = 20_000) -> int:
    """How many of the first attempts of an outage are reported hard."""
    rng, now = random.Random(outage.seed), 1e6
    recent = outage.rate * Breaker().recent
    usual = Weather(Counts(100, 1), Counts(recent, recent / 100), Counts(recent * 144, recent * 1.44), now)
    almanac = _Almanac({SITE: usual})
    workers = [Weathers() for _ in range(outage.workers)]
    for worker in workers:
        worker.learn({SITE: usual if outage.shared else _part(usual, outage.workers)}, now)
    glances = [now + rng.uniform(0, GLANCE) for _ in workers]
    flushes = [now + rng.uniform(0, FLUSH) for _ in workers]
    hard = 0
    for _ in range(attempts):
        now += rng.expovariate(outage.rate)
        for number, worker in enumerate(workers):
            if outage.shared and now >= glances[number]:
                glances[number] = now + GLANCE
                if worker.restless or now >= flushes[number]:
                    flushes[number] = now + FLUSH
                    worker.learn(almanac.exchange(worker.take(now), now), now)
        worker = rng.choice(workers)
        verdict = DEAD if rng.random() < outage.share else None
        weather = worker.observe(SITE, verdict, now)
        hard += verdict is not None and softened(verdict, weather).qualification.type is Type.HARD
    return hard


def _part(usual: Weather, workers: int) -> Weather:
    """What one of several workers has seen of it, if it knows of no other."""
    return Weather(usual.latest, usual.recent.fading(1 / workers), usual.usual.fading(1 / workers), usual.at)


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    print(f"{'attempts/s':>10} {'called dead':>11} {'workers':>8} {'each alone':>11} {'together':>9}")
    for rate in (1.0, 10.0, 100.0):
        for share in (1.0, 0.5):
            for workers in (1, 4, 32):
                alone, together = (
                    lost(Outage(workers=workers, rate=rate, share=share, shared=shared)) for shared in (False, True)
                )
                print(f"{rate:10.0f} {share:11.0%} {workers:8} {alone:11} {together:9}")


if __name__ == "__main__":
    main()
