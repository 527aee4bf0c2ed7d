"""Calls made together share a flush."""

import asyncio
from collections.abc import Sequence

import pytest

from worker.group import Group


class Flushes:
    """A flush that notes its batches and doubles its items; it waits for `gate` when there is one."""

    def __init__(self, gate: asyncio.Event | None = None) -> None:
        self.batches: list[list[int]] = []
        self.gate = gate

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        if self.gate is not None:
            await self.gate.wait()
        if 13 in items:
            raise ValueError("thirteen")
        return [item * 2 for item in items]


async def test_calls_made_together_are_flushed_together_and_answered_apart() -> None:
    flushes = Flushes()
    group = Group(flushes, limit=10)
    assert await asyncio.gather(*(group.join(n) for n in range(3))) == [0, 2, 4]
    assert flushes.batches == [[0, 1, 2]]


async def test_what_arrives_during_a_flush_goes_with_the_next() -> None:
    gate = asyncio.Event()
    flushes = Flushes(gate)
    group = Group(flushes, limit=10)
    first = group.join(1)
    while not flushes.batches:
        await asyncio.sleep(0)
    later = [group.join(2), group.join(3)]
    gate.set()
    assert await asyncio.gather(first, *later) == [2, 4, 6]
    assert flushes.batches == [[1], [2, 3]]


async def test_no_batch_is_larger_than_the_limit() -> None:
    flushes = Flushes()
    group = Group(flushes, limit=2)
    assert await asyncio.gather(*(group.join(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert [len(batch) for batch in flushes.batches] == [2, 2, 1]


async def test_a_full_batch_does_not_linger() -> None:
    flushes = Flushes()
    group = Group(flushes, limit=2, linger=3600.0)
    async with asyncio.timeout(5):
        assert await asyncio.gather(group.join(1), group.join(2)) == [2, 4]


async def test_a_lingering_batch_takes_later_company() -> None:
    flushes = Flushes()
    group = Group(flushes, limit=2, linger=3600.0)
    first = group.join(1)
    await asyncio.sleep(0)
    second = group.join(2)
    async with asyncio.timeout(5):
        assert await asyncio.gather(first, second) == [2, 4]
    assert flushes.batches == [[1, 2]]


async def test_a_fault_reaches_everyone_in_its_batch_and_nobody_else() -> None:
    group = Group(Flushes(), limit=10)
    for answer in [group.join(13), group.join(1)]:
        with pytest.raises(ValueError, match="thirteen"):
            await answer
    assert await group.join(2) == 4


async def test_a_caller_that_goes_away_does_not_hold_up_the_others() -> None:
    flushes = Flushes()
    group = Group(flushes, limit=10)
    gone, stays = group.join(1), group.join(2)
    gone.cancel()
    assert await stays == 4
    assert flushes.batches == [[1, 2]]


async def test_nobody_lingers_before_several_have_come_together() -> None:
    flushes = Flushes()
    group = Group(flushes, limit=3, linger=3600.0, least=2)
    async with asyncio.timeout(5):
        assert [await group.join(n) for n in range(3)] == [0, 2, 4]
        assert await asyncio.gather(group.join(3), group.join(4)) == [6, 8]
        lingering = group.join(5)
        for _ in range(10):
            await asyncio.sleep(0)
        assert flushes.batches == [[0], [1], [2], [3, 4]]
        assert await asyncio.gather(lingering, group.join(6), group.join(7)) == [10, 12, 14]
