"""The gate that finds limits, on a loop whose time the test moves, towards a modelled site."""

import asyncio
from dataclasses import dataclass, field
from statistics import mean

from msgspec.structs import replace

from mta.attempt import Attempt, Broken, Delivered, Path, Phase, Refused, Trouble
from mta.traffic.dial import Dial
from mta.traffic.gate import LaneGate
from mta.traffic.pace import Change, Pace
from mta.traffic.paced import Paced
from mta.traffic.part import Part
from mta.traffic.permit import Held, Permit
from mta.traffic.rule import Reaction, Rule
from mta.traffic.shares import Lease, Ledger
from mta.traffic.signal import Kind, Limit, Signal
from tests.unit.mta.traffic.site import LANE, delivered, refused
from tests.virtual import virtual
from worker.simulation.scenario import SiteEntry
from worker.simulation.site import OPENING, Answer, Entrance, Fate

EPOCH = 1_700_000_000.0
RULE = Rule(name="test", connections=200)


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Wave:
    """Jobs sent through a gate to a site; each asks, is held, tries and tries again as the worker's would."""

    entrance: Entrance
    rule: Rule = RULE
    changes: list[Change] = field(default_factory=list)
    attempts: int = 0
    throttled: int = 0
    held: int = 0
    blocked: int = 0
    idle: int = 0

    def __post_init__(self) -> None:
        self.ledger = Ledger()
        clock = lambda: EPOCH + now()  # noqa: E731

        def refresh(guide: Paced) -> None:  # the account is at hand, and is asked at once
            grant = self.ledger.refresh(guide.ask(), clock())
            self.changes += grant.changes
            guide.adopt(grant, now())

        self.gate = LaneGate(clock, lambda lane, rule: Paced(lane, Part(rule), "one", clock, refresh))

    async def send(self, jobs: int, window: int) -> float:
        """Seconds until all are settled; at most `window` jobs are in hand."""
        began, room = now(), asyncio.Semaphore(window)

        async def job() -> None:
            pause = 0.0
            while True:
                await asyncio.sleep(pause)
                async with room:
                    pause = await self._once()
                if pause < 0:
                    return

        await asyncio.gather(*(job() for _ in range(jobs)))
        return now() - began

    async def _once(self) -> float:
        permit = await self.gate.ask(LANE, self.rule, transactional=False, patience=2.0)
        if isinstance(permit, Held):
            self.held += 1
            return permit.until - EPOCH - now()
        attempt = await self._attempt()
        asked = self.gate.settle(permit, attempt)
        return -1.0 if isinstance(attempt.ending, Delivered) else 300.0 if asked is None else asked

    async def _attempt(self) -> Attempt:
        site, trips = self.entrance, 0
        answer: Answer | None = None
        if self.idle:
            self.idle -= 1
        else:
            answer, trips = site.connect(now() - 1000), OPENING
        opened = answer is None
        if answer is None:
            answer = site.mail(now() - 1000, 1, Fate(unknown=False))
        await asyncio.sleep((trips * opened + answer.trips) * site.entry.latency)
        self.idle += opened and not answer.closes
        site.open -= opened and answer.closes
        self.attempts += 1
        self.throttled += answer.throttled
        self.blocked += answer.reply is not None and answer.reply.permanent
        path = Path(site="example.net")
        if answer.reply is None:
            ending: Delivered | Refused | Broken = Broken(Trouble.UNREACHABLE, "connection refused")
        else:
            ending = Delivered(answer.reply) if answer.reply.positive else Refused(answer.reply)
        return Attempt(phase=answer.phase, ending=ending, path=path, began_at=EPOCH + now(), duration=0.0)


@virtual
async def test_a_hidden_rate_is_found_and_kept_to() -> None:
    wave = Wave(Entrance(SiteEntry(name="hidden", max_rate=10.0)))
    took = await wave.send(6000, window=300)
    assert took < 1.15 * 6000 / 10.0
    assert wave.throttled < 0.01 * wave.attempts


@virtual
async def test_hidden_connections_are_found_and_kept_to() -> None:
    wave = Wave(Entrance(SiteEntry(name="hidden", max_connections=7)))
    took = await wave.send(6000, window=300)
    assert wave.entrance.peak == 7
    assert took < 1.25 * 6000 * 0.16 / 7
    assert wave.throttled < 0.01 * wave.attempts


@virtual
async def test_held_jobs_come_back_when_it_is_their_turn_and_not_before() -> None:
    wave = Wave(Entrance(SiteEntry(name="hidden", max_rate=2.0)))
    await wave.send(1500, window=300)
    assert wave.held < 8 * 1500


@virtual
async def test_a_site_that_blocks_is_left_alone_then_probed() -> None:
    entrance = Entrance(SiteEntry(name="angry"))
    entrance.blocked_until = 600.0
    wave = Wave(entrance)
    await wave.send(400, window=100)
    assert wave.blocked <= 5
    assert [change.what for change in wave.changes][:2] == ["open", "rate"]


@virtual
async def test_a_site_that_is_down_is_probed_at_most_once_a_minute_and_taken_up_again() -> None:
    slowdowns = []
    for rate in (10.0, 13.0, 17.0, 20.0, 23.0, 31.0, 40.0):  # chance decides how near the wall was found before
        since = now()
        site = SiteEntry.model_validate({"name": "down", "max_rate": rate, "down": [{"at": since + 60, "for": "10m"}]})
        wave = Wave(Entrance(site))
        took = await wave.send(6000, window=300)
        assert wave.attempts - 6000 - wave.throttled < 100
        slowdowns.append(took / (6000 / rate + 600))
    assert mean(slowdowns) < 1.15


@virtual
async def test_an_operators_reaction_acts_at_once_whatever_the_volume() -> None:
    reaction = Reaction(match="naughty", action="suspend", lasts=900.0)
    wave = Wave(Entrance(SiteEntry(name="calm")), replace(RULE, reactions=(reaction,)))
    for _ in range(200):
        permit = await wave.gate.ask(LANE, wave.rule, transactional=False, patience=60.0)
        assert isinstance(permit, Permit)
        wave.gate.settle(permit, delivered())
    permit = await wave.gate.ask(LANE, wave.rule, transactional=False, patience=60.0)
    assert isinstance(permit, Permit)
    pause = wave.gate.settle(permit, refused(451, "4.7.0 naughty", Phase.MAIL))
    answer = await wave.gate.ask(LANE, wave.rule, transactional=False, patience=2.0)
    assert isinstance(answer, Held)
    assert answer.until - EPOCH - now() >= 899.0
    assert pause is not None
    assert pause >= 899.0


@virtual
async def test_the_permit_carries_what_is_in_force() -> None:
    wave = Wave(Entrance(SiteEntry(name="calm")))
    permit = await wave.gate.ask(LANE, wave.rule, transactional=False, patience=1.0)
    assert isinstance(permit, Permit)
    assert permit.rule.connections == 2
    assert permit.rule.messages_per_connection == RULE.messages_per_connection


def test_a_refused_connection_is_weighed_against_those_that_were_let_in_whatever_its_turn_knew() -> None:
    part = Part(RULE)
    part.adopt(Pace(window=Dial(value=4.0)), Lease(4, 100.0, until=10.0, wants=9))
    guide = Paced(LANE, part, "one", lambda: 0.0, lambda _: None, connections=lambda: 3)
    crowded = refused(421, "4.7.0 Too many connections")
    guide.settled(guide.begun(1, 0.0), crowded, Signal(Kind.SLOW_DOWN, Limit.CONNECTIONS), 1.0, 0.0)
    assert part.window == 3
