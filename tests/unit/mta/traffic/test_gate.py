"""The gate on a loop whose time the test moves: no waiting, no luck."""

import asyncio

from msgspec.structs import replace

from mta.attempt import Phase
from mta.lane import Lane, Source
from mta.traffic.gate import LaneGate
from mta.traffic.permit import Gate, Held, Permit
from mta.traffic.rule import Reaction, Rule
from tests.unit.mta.traffic.site import LANE, RULE, delivered, refused
from tests.virtual import virtual

OTHER = Lane(Source(pool="default", helo="mta1.example.com"), "example.org")
EPOCH = 1_700_000_000.0


def gate() -> LaneGate:
    return LaneGate(clock=lambda: EPOCH + asyncio.get_running_loop().time())


async def ask(
    gate: Gate, rule: Rule = RULE, *, lane: Lane = LANE, urgent: bool = False, patience: float = 2.0
) -> Permit | Held:
    return await gate.ask(lane, rule, transactional=urgent, patience=patience)


async def permit(gate: Gate, rule: Rule = RULE, lane: Lane = LANE) -> Permit:
    answer = await ask(gate, rule, lane=lane, patience=0.0)
    assert isinstance(answer, Permit), answer
    return answer


def now() -> float:
    return asyncio.get_running_loop().time()


async def settled() -> None:
    """Let everything that can run have run."""
    for _ in range(10):
        await asyncio.sleep(0)


@virtual
async def test_the_last_connection_is_the_last_permit() -> None:
    doors = gate()
    first, second = await permit(doors), await permit(doors)
    answer = await ask(doors, patience=0.0)
    assert isinstance(answer, Held)
    assert answer.until > EPOCH + now()
    assert "rule test: 2 connections" in answer.why
    for out in (first, second):
        doors.settle(out, None)
    await permit(doors)


@virtual
async def test_a_full_lane_holds_up_no_other() -> None:
    doors = gate()
    for _ in range(2):
        await permit(doors)
    await permit(doors, lane=OTHER)


@virtual
async def test_who_waits_is_served_in_order_and_transactional_first() -> None:
    doors, served = gate(), list[str]()
    out = [await permit(doors), await permit(doors)]

    async def wait(name: str, urgent: bool) -> None:
        answer = await ask(doors, urgent=urgent)
        assert isinstance(answer, Permit)
        served.append(name)
        out.append(answer)

    tasks = [asyncio.ensure_future(wait(*each)) for each in [("b1", False), ("b2", False), ("t1", True), ("t2", True)]]
    for _ in tasks:
        await settled()
        doors.settle(out.pop(0), delivered())
    await asyncio.gather(*tasks)
    assert served == ["t1", "t2", "b1", "b2"]


@virtual
async def test_patience_ends_with_a_turn_to_come_back_for() -> None:
    doors = gate()
    for _ in range(2):
        await permit(doors)
    began = now()
    answer = await ask(doors, patience=2.0)
    assert isinstance(answer, Held)
    assert now() - began == 2.0
    assert answer.until > EPOCH + now()


@virtual
async def test_a_rate_lets_one_after_the_other_go() -> None:
    doors, rule, times = gate(), replace(RULE, rate=2.0, connections=100), list[float]()

    async def wait() -> None:
        assert isinstance(await ask(doors, rule, patience=10.0), Permit)
        times.append(now() - 1000.0)

    await asyncio.gather(*(wait() for _ in range(5)))
    assert [round(at, 2) for at in times] == [0.0, 0.45, 0.95, 1.45, 1.95]


@virtual
async def test_those_who_cannot_go_in_time_are_told_so_at_once_and_come_back_spread_out() -> None:
    doors, rule = gate(), replace(RULE, rate=1.0, connections=1)
    tasks = [asyncio.ensure_future(ask(doors, rule)) for _ in range(50)]
    await settled()
    answers = [task.result() for task in tasks if task.done()]
    held = sorted(answer.until for answer in answers if isinstance(answer, Held))
    assert len(held) >= 45, "one goes, two or three wait"
    assert held[-1] - held[0] > len(held) - 2, "one a second"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@virtual
async def test_whoever_is_cancelled_while_waiting_leaves_no_trace() -> None:
    doors = gate()
    out = [await permit(doors), await permit(doors)]
    task = asyncio.ensure_future(ask(doors))
    await settled()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for each in out:
        doors.settle(each, None)
    await permit(doors)
    await permit(doors)


@virtual
async def test_a_permit_given_to_somebody_just_cancelled_comes_back() -> None:
    doors = gate()
    out = [await permit(doors), await permit(doors)]
    task = asyncio.ensure_future(ask(doors))
    await settled()
    doors.settle(out[0], None)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    doors.settle(out[1], None)
    await permit(doors)
    await permit(doors)


@virtual
async def test_a_block_closes_the_lane_sends_the_waiting_away_and_ends() -> None:
    doors = gate()
    out = [await permit(doors), await permit(doors)]
    task = asyncio.ensure_future(ask(doors))
    await settled()
    pause = doors.settle(out[0], refused(554, "5.7.1 192.0.2.1 blocked using zen.spamhaus.org"))
    assert pause is not None
    assert 1800 <= pause < 1810
    answer = await task
    assert isinstance(answer, Held)
    assert answer.until >= EPOCH + now() + 1800
    assert "spamhaus" in answer.why
    assert answer.reply == "554 5.7.1 192.0.2.1 blocked using zen.spamhaus.org"
    assert isinstance(await ask(doors), Held)
    await permit(doors, lane=OTHER)
    await asyncio.sleep(1801)
    await permit(doors)


@virtual
async def test_too_many_connections_halves_them_and_brings_the_message_back_after_a_minute() -> None:
    doors, rule = gate(), replace(RULE, connections=8)
    pause = doors.settle(await permit(doors, rule), refused(421, "4.7.0 Too many connections"))
    assert pause is not None
    assert 60 <= pause < 61
    given = [await permit(doors, rule) for _ in range(4)]
    assert given[0].rule.connections == 4
    answer = await ask(doors, rule, patience=0.0)
    assert isinstance(answer, Held)
    assert "4 connections (slowed down)" in answer.why
    assert answer.reply == "421 4.7.0 Too many connections"
    await asyncio.sleep(61)
    assert (await permit(doors, rule)).rule.connections == 8
    for _ in range(3):
        await permit(doors, rule)
    unslowed = await ask(doors, rule, patience=0.0)
    assert isinstance(unslowed, Held)
    assert unslowed.reply is None


@virtual
async def test_a_message_waits_as_long_as_its_reply_says() -> None:
    doors = gate()
    pause = doors.settle(await permit(doors), refused(450, "4.7.1 rate limit exceeded, try again in 300 seconds"))
    assert pause is not None
    assert 300 <= pause < 301


@virtual
async def test_what_is_no_matter_of_traffic_is_left_to_the_retry_schedule() -> None:
    doors = gate()
    for attempt in (
        delivered(),
        None,
        refused(550, "5.1.1 User unknown"),
        refused(451, "4.7.1 Greylisted, try again in 300 seconds"),
        refused(451, "4.3.0 Local error"),
    ):
        assert doors.settle(await permit(doors), attempt) is None


@virtual
async def test_a_reaction_acts_when_there_were_enough_of_its_replies() -> None:
    doors = gate()
    rule = replace(RULE, reactions=(Reaction(match=r"\[X1\]", action="suspend", lasts=600.0, after=(2, 3600.0)),))
    assert doors.settle(await permit(doors, rule), refused(451, "4.3.0 [X1]")) is None
    pause = doors.settle(await permit(doors, rule), refused(451, "4.3.0 [X1]"))
    assert pause is not None
    assert pause >= 600
    assert isinstance(await ask(doors, rule), Held)


@virtual
async def test_a_fast_server_is_kept_busy() -> None:
    """Ten connections of 20 ms each take 500 a second; two thousand jobs, two hundred at a time, take four seconds."""
    doors, rule, sent = gate(), replace(RULE, connections=10), 0

    async def work() -> None:
        nonlocal sent
        while sent < 2000:
            answer = await ask(doors, rule)
            assert isinstance(answer, Permit), "nobody is sent away"
            sent += 1
            await asyncio.sleep(0.02)
            doors.settle(answer, delivered())

    began = now()
    await asyncio.gather(*(work() for _ in range(200)))
    assert now() - began < 4.5


@virtual
async def test_idle_lanes_are_forgotten() -> None:
    doors = gate()
    for number in range(10_000):
        lane = Lane(LANE.source, f"site{number}")
        doors.settle(await permit(doors, lane=lane), delivered())
    assert len(doors._lines) <= 4096


@virtual
async def test_limits_that_an_operator_fixed_hold_at_once_and_the_old_ones_again_when_they_end() -> None:
    slow = replace(RULE, rate=1 / 60, connections=100)
    fixed = replace(slow, rate=10.0, fixed=True)
    doors = gate()
    await permit(doors, slow)
    first = await ask(doors, slow)
    assert isinstance(first, Held)
    assert first.until == EPOCH + now() + 60
    began = now()
    for _ in range(5):
        assert isinstance(await ask(doors, fixed, patience=1.0), Permit)
    assert now() - began < 0.6
    for _ in range(200):
        await ask(doors, fixed)
    held = await ask(doors, slow)
    assert isinstance(held, Held)
    assert held.until <= EPOCH + now() + 120, "the places of the fixed limits are not kept"


@virtual
async def test_no_refusal_moves_limits_that_an_operator_fixed() -> None:
    doors, fixed = gate(), replace(RULE, connections=4, rate=100.0, fixed=True)
    given = await permit(doors, fixed)
    doors.settle(given, refused(421, "4.7.0 Too many connections", Phase.BANNER))
    assert (await permit(doors, fixed)).rule.connections == 4
