"""A source that is warmed up sends its day's part and no more, over all workers, and goes on the next day."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from feedback.store import StoreAway
from mta.lane import Lane
from mta.traffic.gate import LaneGate
from mta.traffic.permit import Held, Permit
from mta.traffic.ramp import Ramp
from mta.traffic.rule import Rule
from tests.unit.mta.traffic.site import LANE, delivered, refused
from worker.ramps import Count
from worker.ramps.gate import DAY, RampGate
from worker.ramps.row import added, read, write

RULE = Rule(name="test", connections=1000)
NEW = Lane(replace(LANE.source, ramp=2000), "example.org")  # ten on the first day
TODAY = 20_000


@dataclass
class FakeBook:
    """`RampBook`: those that share `texts` have the same book."""

    texts: dict[str, str] = field(default_factory=dict)
    away: bool = False

    async def open(self) -> None:
        self._look()

    async def close(self) -> None: ...

    async def add(self, counts: Mapping[str, Count], date: int) -> dict[str, Ramp]:
        self._look()
        ramps = added(self.texts, counts, date)
        self.texts |= {lane: write(ramp) for lane, ramp in ramps.items()}
        return ramps

    async def known(self, lanes: list[str]) -> dict[str, Ramp]:
        self._look()
        return {lane: read(self.texts[lane]) for lane in lanes if lane in self.texts}

    def _look(self) -> None:
        if self.away:
            raise StoreAway("closed")


class Scene:
    def __init__(self, book: FakeBook) -> None:
        self.book = book
        self.now = TODAY * DAY + 100.0
        self.gate = RampGate(LaneGate(lambda: self.now), book, lambda: self.now)

    async def ask(self, lane: Lane = NEW) -> Permit | Held:
        return await self.gate.ask(lane, RULE, transactional=False, patience=0.0)

    async def send(self, most: int, *, refusing: int = 0) -> int:
        """How many of `most` may go; the first so many of them are refused as too fast."""
        for sent in range(most):
            permit = await self.ask()
            if isinstance(permit, Held):
                return sent
            slow = refused(450, "4.7.1 Sending rate too high, slow down")
            self.gate.settle(permit, slow if sent < refusing else delivered())
        return most


async def test_a_warm_source_is_let_through() -> None:
    scene = Scene(FakeBook(away=True))
    assert isinstance(await scene.ask(LANE), Permit)


async def test_a_new_source_sends_its_days_part_and_the_rest_waits_for_tomorrow() -> None:
    scene = Scene(FakeBook())
    assert await scene.send(50) == 10
    answer = await scene.ask()
    assert isinstance(answer, Held)
    assert answer.until == (TODAY + 1) * DAY
    assert answer.why.startswith("ramp day 1")
    assert not scene.gate.usable(NEW.source, NEW.site)
    assert scene.gate.usable(NEW.source, "another.example")


async def test_what_other_workers_sent_counts_too_and_a_new_worker_knows_it() -> None:
    book = FakeBook()
    one, two = Scene(book), Scene(book)
    assert (await one.send(4), await two.send(3)) == (4, 3)
    await one.gate.flush()
    await two.gate.flush()
    assert await two.send(50) == 3
    await two.gate.flush()
    assert await Scene(book).send(50) == 0


async def test_a_permit_that_was_not_used_is_not_counted() -> None:
    scene = Scene(FakeBook())
    for _ in range(30):
        permit = await scene.ask()
        assert isinstance(permit, Permit)
        scene.gate.settle(permit, None)
    assert await scene.send(50) == 10


async def test_days_are_counted_when_mail_was_sent_and_throttling_sends_it_back_a_step() -> None:
    scene = Scene(FakeBook())
    for _ in range(3):  # days 1 to 3; then the share doubles
        assert await scene.send(50) == 10
        await scene.gate.flush()
        scene.now += DAY
    assert await scene.send(50, refusing=5) == 20
    await scene.gate.flush()
    scene.now += 5 * DAY
    assert await scene.send(50) == 10


async def test_with_the_store_away_at_first_it_waits_and_what_was_counted_is_not_lost() -> None:
    scene = Scene(FakeBook(away=True))
    assert isinstance(await scene.ask(), Held)
    scene.book.away = False
    assert await scene.send(6) == 6
    scene.book.away = True
    assert not await scene.gate.flush()
    assert await scene.send(50) == 4
    scene.book.away = False
    assert await scene.gate.flush()
    assert await Scene(scene.book).send(50) == 0
