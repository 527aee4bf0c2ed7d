"""What is remembered is looked up the more rarely the longer it takes."""

import asyncio

import pytest

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
