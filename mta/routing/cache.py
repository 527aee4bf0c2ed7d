"""Answers of the DNS, kept as long as they hold; good ones a while longer, for when nobody answers (RFC 8767)."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mta.routing.answer import FAILURE_TTL, Answer, Dns, Failure

Question = tuple[str, str]

REFRESH = 300.0
"""Seconds after its end in which an answer still serves, while a new one is fetched."""
STALE = 6 * 3600.0
"""Seconds after its end in which an answer serves when asking again fails, NXDOMAIN included: names flap."""
MIN_TTL, MAX_TTL = 5.0, 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """A result that holds until `fresh`; a good one serves until `stale` if need be. Both on the cache's clock."""

    result: Answer | Failure
    fresh: float
    stale: float


class Cache:
    """A `Dns` that remembers. One question is asked once at a time, whoever wants it; so many different ones in parallel
    as `parallel` says; the least recently used of more than `entries` are forgotten.

    `clock` gives seconds and never goes back.
    """

    def __init__(self, dns: Dns, clock: Callable[[], float], *, entries: int = 100_000, parallel: int = 200) -> None:
        self._dns = dns
        self._clock = clock
        self._entries = entries
        self._places = asyncio.Semaphore(parallel)
        self._kept: OrderedDict[Question, _Kept] = OrderedDict()
        self._flying: dict[Question, asyncio.Task[Answer | Failure]] = {}

    async def query(self, name: str, kind: str) -> Answer | Failure:
        """See `Dns.query`."""
        question = (name, kind)
        now = self._clock()
        kept = self._kept.get(question)
        if kept is not None:
            self._kept.move_to_end(question)
            if now < kept.fresh:
                return kept.result
        flight = self._flying.get(question) or self._depart(question)
        if kept is not None and isinstance(kept.result, Answer) and now < kept.fresh + REFRESH:
            return kept.result
        return await asyncio.shield(flight)  # one waiter's cancellation is not the others'

    async def close(self) -> None:
        """Give up what is being asked."""
        flights = list(self._flying.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _depart(self, question: Question) -> asyncio.Task[Answer | Failure]:
        flight = asyncio.create_task(self._ask(question))
        self._flying[question] = flight
        flight.add_done_callback(lambda _: self._flying.pop(question, None))
        return flight

    async def _ask(self, question: Question) -> Answer | Failure:
        async with self._places:
            result = await self._dns.query(*question)
        kept = _keep(self._kept.get(question), result, self._clock())
        self._kept[question] = kept
        self._kept.move_to_end(question)
        if len(self._kept) > self._entries:
            self._kept.popitem(last=False)
        return kept.result


def _keep(old: _Kept | None, result: Answer | Failure, now: float) -> _Kept:
    """What to remember after a new result: a failure does not displace an answer before its time."""
    ttl = min(max(result.ttl, MIN_TTL), MAX_TTL)
    if isinstance(result, Answer):
        return _Kept(result, now + ttl, now + ttl + STALE)
    if old is not None and isinstance(old.result, Answer) and now < old.stale:
        return _Kept(old.result, now + FAILURE_TTL, old.stale)
    return _Kept(result, now + ttl, now + ttl)
