"""The refresher on a loop whose time the test moves: lanes in step with their accounts, with and without the store."""

import asyncio
from dataclasses import dataclass, field

from mta.attempt import Attempt
from mta.lane import Lane
from mta.routing.route import Route
from mta.smtp import Intend, Mail
from mta.traffic.permit import Held, Permit
from mta.traffic.rule import Rule, Start
from mta.traffic.shares import LEASE, LEISURE
from tests.fakes import FakeShares
from tests.unit.mta.traffic.site import LANE, delivered, refused
from tests.virtual import virtual
from worker.shares.refresher import Refresher

RULE = Rule(name="test", connections=10, rate=1000.0, start=Start.CEILING)
OTHER = Lane(LANE.source, "example.org")
EPOCH = 1_700_000_000.0


@dataclass
class FakeRelay:
    """`Relay` that sends nothing: `connections` are open, `trimmed` is what it was told to keep."""

    connections: int = 0
    trimmed: dict[Lane, int] = field(default_factory=dict)

    async def send(self, mail: Mail, lane: Lane, route: Route, rule: Rule, intend: Intend) -> Attempt:
        raise NotImplementedError

    def open(self, lane: Lane) -> int:
        return self.connections

    def trim(self, lane: Lane, connections: int) -> None:
        self.trimmed[lane] = connections

    async def close(self) -> None: ...


class Scene:
    """A refresher at work, for as long as the block lasts."""

    def __init__(self, texts: dict[str, str] | None = None, worker: str = "one") -> None:
        self.shares = FakeShares({} if texts is None else texts, clock=lambda: EPOCH + now())
        self.relay = FakeRelay()
        self.refresher = Refresher(self.shares, worker, self.relay, beside=1)

    async def __aenter__(self) -> "Scene":
        self._running = asyncio.create_task(self.refresher.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running.cancel()
        await asyncio.wait([self._running])

    async def ask(self, lane: Lane = LANE, patience: float = 2.0) -> Permit | Held:
        return await self.refresher.gate.ask(lane, RULE, transactional=False, patience=patience)

    async def send(self, lane: Lane = LANE) -> None:
        permit = await self.ask(lane)
        assert isinstance(permit, Permit), permit
        self.refresher.gate.settle(permit, delivered())


def now() -> float:
    return asyncio.get_running_loop().time()


@virtual
async def test_the_first_job_of_a_lane_waits_for_its_lease_and_goes() -> None:
    async with Scene() as scene:
        began = now()
        permit = await scene.ask()
        assert isinstance(permit, Permit)
        assert permit.rule.connections == 10
        assert now() - began < 0.1


@virtual
async def test_lanes_that_ask_together_share_one_refresh() -> None:
    async with Scene() as scene:
        await asyncio.gather(scene.send(), scene.send(OTHER))
        assert scene.shares.asked == [[str(LANE), str(OTHER)]]


@virtual
async def test_a_lane_that_keeps_nobody_waiting_is_refreshed_every_three_seconds() -> None:
    async with Scene() as scene:
        for _ in range(100):
            await scene.send()
            await asyncio.sleep(0.1)
        assert 4 <= len(scene.shares.asked) <= 5


@virtual
async def test_a_lane_whose_jobs_wait_is_refreshed_about_once_a_second() -> None:
    async with Scene() as scene:
        for _ in range(100):
            permits = [await scene.ask() for _ in range(RULE.connections)]
            late = await scene.ask(patience=0)
            assert isinstance(late, Held)
            for permit in permits:
                assert isinstance(permit, Permit), permit
                scene.refresher.gate.settle(permit, delivered())
            await asyncio.sleep(0.1)
        assert 9 <= len(scene.shares.asked) <= 13


@virtual
async def test_without_the_store_a_lane_goes_on_within_its_lease_and_no_longer() -> None:
    async with Scene() as scene:
        await scene.send()
        began = now()
        scene.shares.away = True
        while isinstance(permit := await scene.ask(), Permit):
            scene.refresher.gate.settle(permit, delivered())
            await asyncio.sleep(0.5)
        assert LEASE - 1 <= now() - began <= LEASE + 2
        assert scene.relay.trimmed[LANE] == 0
        scene.shares.away = False
        await asyncio.sleep(2.0)
        await scene.send()


@virtual
async def test_evidence_that_the_store_did_not_hear_is_told_again() -> None:
    async with Scene() as scene:
        await scene.send()
        scene.shares.away = True
        for _ in range(3):
            permit = await scene.ask()
            assert isinstance(permit, Permit)
            scene.refresher.gate.settle(permit, refused(450, "4.7.1 Sending rate too high, slow down"))
            await asyncio.sleep(1.0)
        scene.shares.away = False
        await asyncio.sleep(3.0)
        [change, *_] = await scene.shares.changes([str(LANE)], 10)
        assert change.change.what == "rate"
        assert "slow down" in change.change.why


@virtual
async def test_a_lane_that_others_hold_is_told_so_until_it_is_its_turn() -> None:
    texts: dict[str, str] = {}
    async with Scene(texts) as first, Scene(texts, "two") as second:
        await first.send()
        answer = await second.ask()
        assert isinstance(answer, Held)
        assert answer.why == "other workers have this lane's limits for the moment"
        while isinstance(answer, Held):
            assert now() < 1000.0 + 2 * LEISURE + 1.0  # nobody calls the first one here
            await asyncio.sleep(1.0)
            await first.send()
            answer = await second.ask()
        assert answer.rule.connections + first.relay.trimmed[LANE] <= 10


@virtual
async def test_who_closes_gives_its_leases_back() -> None:
    texts: dict[str, str] = {}
    async with Scene(texts) as first:
        await first.send()
    await first.refresher.close()
    async with Scene(texts, "two") as second:
        permit = await second.ask()
        assert isinstance(permit, Permit)
        assert permit.rule.connections == 10


@virtual
async def test_a_lane_that_is_known_begins_where_it_was_however_many_come_at_once() -> None:
    texts: dict[str, str] = {}
    async with Scene(texts) as first:
        await first.send()
    async with Scene(texts) as again:
        answers = await asyncio.gather(*(again.ask() for _ in range(10)))
        assert all(isinstance(answer, Permit) for answer in answers)


@virtual
async def test_those_whose_turn_will_not_come_are_sent_away_as_soon_as_that_is_known() -> None:
    rule = Rule(name="slow", connections=10, rate=2.0, start=Start.CEILING)
    async with Scene() as scene:
        began = now()

        async def ask() -> float:
            await scene.refresher.gate.ask(LANE, rule, transactional=False, patience=2.0)
            return now() - began

        waited = sorted(await asyncio.gather(*(ask() for _ in range(100))))
        assert waited[60] < 0.1


@virtual
async def test_a_lane_with_little_to_send_has_all_that_is_due_to_it_soon_after_much_comes() -> None:
    async with Scene() as scene:
        for _ in range(7):  # it asked for little with the last one
            await scene.send()
            await asyncio.sleep(0.5)
        began = now()
        answers = await asyncio.gather(*(scene.ask() for _ in range(10)))
        assert all(isinstance(answer, Permit) for answer in answers)
        assert now() - began < 0.3


@virtual
async def test_a_worker_that_is_to_have_less_tells_again_soon_how_much_it_has_closed() -> None:
    texts: dict[str, str] = {}
    async with Scene(texts) as first, Scene(texts, "two") as second:
        permits = [await first.ask() for _ in range(10)]
        assert all(isinstance(permit, Permit) for permit in permits)
        first.relay.connections = 10
        await asyncio.sleep(1.1)
        waiting = asyncio.create_task(second.ask())
        await asyncio.sleep(0.1)
        await first.ask(patience=0)
        await asyncio.sleep(0.1)
        assert first.relay.trimmed[LANE] < 10
        assert not waiting.done()
        first.relay.connections = first.relay.trimmed[LANE]
        await asyncio.sleep(0.8)
        assert waiting.done()
        assert isinstance(await waiting, Permit)


@virtual
async def test_connections_that_hang_are_told_of_for_a_moment_only() -> None:
    texts: dict[str, str] = {}
    async with Scene(texts) as first, Scene(texts, "two") as second:
        for _ in range(10):
            await first.ask()
        first.relay.connections = 10
        before = len(first.shares.asked)
        for _ in range(60):
            await first.ask(patience=0)
            await second.ask(patience=0)
            await asyncio.sleep(1.0)
        assert first.relay.trimmed[LANE] < 10
        assert len(first.shares.asked) - before < 60 + 10
