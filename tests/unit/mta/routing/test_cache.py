"""The DNS cache: what holds, what serves beyond its time, and who is asked how often. Time stands still until moved."""

import asyncio

from mta.attempt import Trouble
from mta.routing.answer import Answer, Failure
from mta.routing.cache import Cache


class Script:
    """A `Dns` that answers in turn, and can be held back."""

    def __init__(self, *results: Answer | Failure) -> None:
        self.results = list(results)
        self.asked: list[tuple[str, str]] = []
        self.running = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def query(self, name: str, kind: str) -> Answer | Failure:
        self.asked.append((name, kind))
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


OLD, NEW = Answer(("old",), 60.0), Answer(("new",), 60.0)
GONE = Failure(Trouble.NO_DOMAIN, "gone", 300.0)
DOWN = Failure(Trouble.DNS_FAILURE, "down")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_holds_for_its_ttl() -> None:
    clock, dns = Clock(), Script(OLD, NEW)
    cache = Cache(dns, clock)
    assert await cache.query("a", "MX") == OLD
    clock.now += 59
    assert await cache.query("a", "MX") == OLD
    assert len(dns.asked) == 1


async def test_an_ended_answer_serves_while_the_next_is_fetched() -> None:
    clock, dns = Clock(), Script(OLD, NEW)
    cache = Cache(dns, clock)
    await cache.query("a", "MX")
    clock.now += 61
    assert await cache.query("a", "MX") == OLD
    await settle()
    assert await cache.query("a", "MX") == NEW


async def test_long_after_its_end_an_answer_is_asked_for_again_first() -> None:
    clock, dns = Clock(), Script(OLD, NEW)
    cache = Cache(dns, clock)
    await cache.query("a", "MX")
    clock.now += 3600
    assert await cache.query("a", "MX") == NEW


async def test_an_answer_outlives_failures_and_nxdomain_but_not_for_ever() -> None:
    clock, dns = Clock(), Script(OLD, DOWN, GONE)
    cache = Cache(dns, clock)
    await cache.query("a", "MX")
    clock.now += 3600
    assert await cache.query("a", "MX") == OLD
    clock.now += 3600
    assert await cache.query("a", "MX") == OLD
    clock.now += 7 * 3600
    assert await cache.query("a", "MX") == GONE


async def test_a_failure_is_remembered_for_a_short_time() -> None:
    clock, dns = Clock(), Script(DOWN, NEW)
    cache = Cache(dns, clock)
    assert await cache.query("a", "MX") == DOWN
    clock.now += 29
    assert await cache.query("a", "MX") == DOWN
    clock.now += 2
    assert await cache.query("a", "MX") == NEW


async def test_nxdomain_is_remembered_for_its_own_time() -> None:
    clock, dns = Clock(), Script(GONE, NEW)
    cache = Cache(dns, clock)
    await cache.query("a", "MX")
    clock.now += 299
    assert await cache.query("a", "MX") == GONE
    clock.now += 2
    assert await cache.query("a", "MX") == NEW


async def test_many_who_want_the_same_ask_once() -> None:
    dns = Script(OLD)
    cache = Cache(dns, Clock())
    assert await asyncio.gather(*(cache.query("a", "MX") for _ in range(50))) == [OLD] * 50
    assert len(dns.asked) == 1


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    dns = Script(OLD)
    dns.gate.clear()
    cache = Cache(dns, Clock())
    first, second = (asyncio.create_task(cache.query("a", "MX")) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    dns.gate.set()
    assert await second == OLD
    assert first.cancelled()


async def test_no_more_questions_are_out_than_allowed() -> None:
    dns = Script(OLD)
    dns.gate.clear()
    cache = Cache(dns, Clock(), parallel=3)
    everyone = asyncio.gather(*(cache.query(f"{n}", "MX") for n in range(20)))
    await settle()
    dns.gate.set()
    await everyone
    assert dns.most == 3
    assert len(dns.asked) == 20


async def test_the_least_recently_used_is_forgotten_first() -> None:
    dns = Script(OLD)
    cache = Cache(dns, Clock(), entries=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        await cache.query(name, "MX")
    assert [name for name, _ in dns.asked] == ["a", "b", "c", "b"]


async def test_closing_gives_up_what_is_being_asked() -> None:
    dns = Script(OLD)
    dns.gate.clear()
    cache = Cache(dns, Clock())
    waiting = asyncio.create_task(cache.query("a", "MX"))
    await settle()
    await cache.close()
    await settle()
    assert waiting.cancelled()
