"""What is remembered is looked up the more rarely the longer it takes."""

import asyncio

import pytest

from feedback.store import StoreAway
from worker.console.remembered import THRIFT, Remembered


class World:
    """A clock, and a look-up that takes its time on it."""

    def __init__(self) -> None:
        self.now, self.takes, self.looks = 0.0, 0.0, 0

    def clock(self) -> float:
        return self.now

    async def look(self) -> int:
        self.looks += 1
        self.now += self.takes
        return self.looks


async def test_a_quick_answer_holds_for_the_least_time() -> None:
    world = World()
    remembered = Remembered(world.clock)
    assert [await remembered.get(("a",), world.look) for _ in range(3)] == [1, 1, 1]
    world.now += 1.0
    assert await remembered.get(("a",), world.look) == 2
    assert await remembered.get(("b",), world.look) == 3


async def test_a_slow_answer_holds_longer() -> None:
    world = World()
    world.takes = 2.0
    remembered = Remembered(world.clock)
    await remembered.get(("a",), world.look)
    world.now += THRIFT * 2.0 - 0.1
    assert await remembered.get(("a",), world.look) == 1
    world.now += 0.2
    assert await remembered.get(("a",), world.look) == 2


async def test_of_those_who_ask_together_one_looks() -> None:
    world = World()
    remembered = Remembered(world.clock)
    assert set(await asyncio.gather(*(remembered.get(("a",), world.look) for _ in range(5)))) == {1}


async def test_a_look_that_fails_is_not_remembered() -> None:
    world = World()
    remembered = Remembered(world.clock)

    async def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        await remembered.get(("a",), fail)
    assert await remembered.get(("a",), world.look) == 1


async def test_a_glance_does_not_wait_for_what_takes_long_and_finds_it_later() -> None:
    world, ready = World(), asyncio.Event()
    remembered = Remembered(world.clock)

    async def slow() -> int:
        await ready.wait()
        return await world.look()

    assert await remembered.glance(("a",), slow, patience=0) is None
    assert await remembered.glance(("a",), slow, patience=0) is None
    ready.set()
    assert await remembered.glance(("a",), slow, patience=60) == 1
    assert world.looks == 1
    world.now += 1.0
    ready.clear()
    assert await remembered.glance(("a",), slow, patience=0) == 1
    ready.set()
    assert await remembered.glance(("a",), slow, patience=60) == 2


async def test_a_glance_at_what_the_store_gave_up_on_sees_nothing_and_is_not_repeated_at_once() -> None:
    world = World()

    async def fail() -> int:
        world.looks += 1
        raise StoreAway("too long")

    remembered = Remembered(world.clock)
    assert await remembered.glance(("a",), fail) is None
    assert await remembered.glance(("a",), fail) is None
    assert world.looks == 1
