"""No more messages of a lane are between intent and outcome than its limit says."""

import asyncio

from mta.lane import Lane, Source
from worker.window import Window

LANE = Lane(Source(pool="default", helo="mta.example"), "site")
OTHER = Lane(Source(pool="default", helo="mta.example"), "other")


async def settle_down() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_limit_holds_and_who_leaves_lets_the_next_in() -> None:
    window = Window()
    await window.enter("a", LANE, 2)
    await window.enter("b", LANE, 2)
    third = asyncio.create_task(window.enter("c", LANE, 2))
    await settle_down()
    assert not third.done()
    window.leave("a")
    await third
    fourth = asyncio.create_task(window.enter("d", LANE, 2))
    await settle_down()
    assert not fourth.done()
    window.leave("b")
    await fourth


async def test_lanes_do_not_wait_for_each_other() -> None:
    window = Window()
    await window.enter("a", LANE, 1)
    await window.enter("b", OTHER, 1)


async def test_a_turn_that_comes_to_one_who_gave_up_is_passed_on() -> None:
    window = Window()
    await window.enter("a", LANE, 1)
    gone = asyncio.create_task(window.enter("b", LANE, 1))
    stays = asyncio.create_task(window.enter("c", LANE, 1))
    await settle_down()
    window.leave("a")
    gone.cancel()
    await asyncio.wait([gone, stays], timeout=5)
    assert gone.cancelled()
    assert stays.done()


async def test_leaving_without_having_entered_frees_nothing() -> None:
    window = Window()
    await window.enter("a", LANE, 1)
    window.leave("never")
    waits = asyncio.create_task(window.enter("b", LANE, 1))
    await settle_down()
    assert not waits.done()
    window.leave("a")
    await waits


async def test_a_job_that_comes_again_has_one_place_not_two() -> None:
    window = Window()
    await window.enter("a", LANE, 2)
    await window.enter("a", LANE, 2)
    window.leave("a")
    for job_id in ("b", "c"):
        await window.enter(job_id, LANE, 2)


async def test_who_came_under_a_lower_limit_goes_in_first_when_it_is_raised() -> None:
    window = Window()
    await window.enter("a", LANE, 1)
    early = [asyncio.create_task(window.enter(name, LANE, 1)) for name in ("b", "c")]
    await settle_down()
    late = asyncio.create_task(window.enter("d", LANE, 3))
    await settle_down()
    assert [task.done() for task in (*early, late)] == [True, True, False]
    window.leave("b")
    await late


async def test_nobody_goes_in_over_a_limit_that_was_lowered() -> None:
    window = Window()
    for name in ("a", "b", "c"):
        await window.enter(name, LANE, 3)
    waits = asyncio.create_task(window.enter("d", LANE, 1))
    await settle_down()
    window.leave("a")
    window.leave("b")
    await settle_down()
    assert not waits.done()
    window.leave("c")
    await waits


async def test_what_was_cancelled_while_it_waited_takes_no_place() -> None:
    window = Window()
    await window.enter("a", LANE, 1)
    gone = asyncio.create_task(window.enter("b", LANE, 1))
    await settle_down()
    gone.cancel()
    await asyncio.wait([gone])
    window.leave("a")
    await window.enter("c", LANE, 1)
    assert len(window) == 1
