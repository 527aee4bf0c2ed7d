"""What becomes of a job that can never go, and what an operator's order makes of one on its way, wherever it has got to."""

import dataclasses
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from feedback.log import Fresh, InDoubt, State
from feedback.qualifier import Qualifier
from feedback.writer import Writer
from mta.attempt import Attempt, Broken, Delivered, Path, Phase
from mta.lane import Lane, Source
from mta.reply import Reply
from mta.routing.route import Host, Route
from mta.signing.keyring import Keyring
from mta.signing.signer import Signer
from mta.smtp import Intend, Mail
from mta.traffic.permit import Permit
from mta.traffic.rule import Rule
from tests.fakes import FakeLog, FakeOrders, FakeQueue, Journal
from tests.samples import FACE, NOW, STATE
from worker.delivery import Delivery, Outside
from worker.job import SendJob, read
from worker.orders.order import Cancellation, Limits, Order, Override, Suspension
from worker.orders.view import Orders
from worker.outage import Outage
from worker.preparation import Preparation
from worker.queue import Ticket
from worker.reading import Reading
from worker.schedule import Backoff
from worker.settlement import Grouping, Settlement

TICKET = Ticket(
    body=b'{"job_id":"j","delivery_id":"d","mail_from":"","rcpt_to":"a@b.example","message":"From: x@y.example\\r\\n\\r\\nhello"}'
)
RULE = Rule(name="r", connections=7)
FIRST = Fresh(replace(STATE, attempt=0))
STOPPED = Suspension(target="big", pool=None, since=NOW, until=None, by="ann@ops", why="they asked")
CALLED_OFF = Cancellation(delivery_id="d", since=NOW, by="ann@ops")
Whenever = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Happens."""


@dataclass
class Way:
    """Routing, rules, gate and relay in one. `at_gate` and `at_session` happen while a job waits there."""

    at_gate: Whenever = nothing
    at_session: Whenever = nothing
    rules: list[Rule] = field(default_factory=list)
    settled: list[Attempt | None] = field(default_factory=list)
    mails: int = 0

    async def route(self, domain: str) -> Route:
        return Route(site="big", domain=domain, hosts=(Host("mx.big.example"),))

    def match(self, route: Route) -> Rule:
        return RULE

    async def ask(self, lane: Lane, rule: Rule, *, transactional: bool, patience: float) -> Permit:
        self.rules.append(rule)
        await self.at_gate()
        return Permit(lane, rule)

    def settle(self, permit: Permit, attempt: Attempt | None) -> float | None:
        self.settled.append(attempt)
        return None

    async def send(self, mail: Mail, lane: Lane, route: Route, rule: Rule, intend: Intend) -> Attempt:
        await self.at_session()
        ending = mail.hindrance() or Delivered(Reply(250, "2.0.0 Ok"))
        self.mails += not isinstance(ending, Broken)
        phase = Phase.MAIL if isinstance(ending, Broken) else Phase.BODY
        return Attempt(phase=phase, ending=ending, path=Path(site=lane.site), began_at=NOW, duration=0.1)


class Desk:
    """A delivery over fakes, and the orders it goes by."""

    def __init__(self, *given: Order) -> None:
        self.now = NOW
        self.book = FakeOrders(list(given))
        self.orders = Orders(self.book, lambda: self.now)
        self.way, self.log, self.queue = Way(), FakeLog(Journal()), FakeQueue(Journal())
        outage, writer = Outage(), Writer("w", str)
        settlement = Settlement(self.log, self.queue, writer, outage, Grouping(linger=0.0))
        outside = Outside(
            routing=self.way,  # type: ignore[arg-type]
            rules=self.way,  # type: ignore[arg-type]
            gate=self.way,  # type: ignore[arg-type]
            relay=self.way,  # type: ignore[arg-type]
            reading=Reading(Qualifier.stock()),
            orders=self.orders,
            intend=self._intend,
        )
        pools = {"default": (Source(pool="default", helo="mta"),)}
        preparation = Preparation(pools, Signer(Keyring([], optional=True)))
        backoff = Backoff(first=300.0, factor=2.0, longest=3600.0, jitter=0.0)
        self.delivery = Delivery(outside, preparation, settlement, backoff, lambda: self.now, random.Random(1))

    async def _intend(self, attempt: tuple[str, int]) -> bool:
        return True

    def comes(self, order: Order) -> Whenever:
        """The order reaches this worker at that moment."""

        async def come() -> None:
            await self.book.give([order])
            await self.orders.once()

        return come

    async def deliver(self, claim: Fresh | InDoubt = FIRST) -> None:
        await self.orders.open()
        job = read(TICKET, max_octets=10_000)
        assert isinstance(job, SendJob)
        await self.delivery.deliver(TICKET, job, claim)

    @property
    def events(self) -> list[tuple[str, bool]]:
        return [(event.event, event.in_doubt) for event in self.queue.events]


async def test_without_orders_a_job_goes() -> None:
    desk = Desk()
    await desk.deliver()
    assert desk.events == [("accepted", False), ("sent", False)]
    assert desk.way.rules == [RULE]


async def test_a_job_that_cannot_be_signed_fails_without_an_attempt_and_the_log_says_why() -> None:
    desk = Desk()
    desk.delivery = dataclasses.replace(
        desk.delivery, preparation=Preparation(desk.delivery.preparation.pools, Signer(Keyring([])))
    )
    with capture_logs() as told:
        await desk.deliver()
    assert desk.events == [("accepted", False), ("failed", False)]
    assert desk.way.mails == 0
    [line] = [line for line in told if line["event"] == "impossible"]
    assert (line["job"], line["delivery"]) == ("j", "d")
    assert line["why"].startswith("dkim: ")


async def test_a_job_of_a_suspended_site_never_asks_for_leave_and_no_attempt_is_counted() -> None:
    desk = Desk(STOPPED)
    await desk.deliver()
    assert (desk.way.rules, desk.way.mails) == ([], 0)
    assert desk.events == [("accepted", False)]
    assert desk.log.outcomes == []
    assert "release" in desk.log.journal.calls


@pytest.mark.parametrize("where", ["at_gate", "at_session"])
async def test_a_job_that_waits_when_the_order_comes_does_not_start(where: str) -> None:
    desk = Desk()
    setattr(desk.way, where, desk.comes(STOPPED))
    await desk.deliver()
    assert desk.way.mails == 0
    assert desk.events == [("accepted", False)]
    assert len(desk.way.settled) == 1, "the permit is given back"
    assert desk.log.outcomes == []


async def test_a_job_of_a_cancelled_delivery_that_comes_up_is_accepted_and_cancelled_at_once() -> None:
    desk = Desk(CALLED_OFF)
    await desk.deliver()
    assert desk.events == [("accepted", False), ("cancelled", False)]
    assert [(outcome.final, outcome.attempt) for outcome in desk.log.outcomes] == [("cancelled", 0)]
    assert desk.queue.finished == [TICKET]


async def test_a_job_that_waits_at_the_gate_when_its_delivery_is_cancelled_is_cancelled() -> None:
    desk = Desk()
    desk.way.at_gate = desk.comes(CALLED_OFF)
    await desk.deliver()
    assert (desk.way.mails, desk.way.settled) == (0, [None])
    assert desk.events == [("accepted", False), ("cancelled", False)]


async def test_a_job_that_waits_for_its_session_when_its_delivery_is_cancelled_is_not_sent() -> None:
    desk = Desk()
    desk.way.at_session = desk.comes(CALLED_OFF)
    await desk.deliver()
    assert desk.way.mails == 0
    assert desk.log.outcomes == [], "it is handed back, for the sweep or its ticket to cancel"


@pytest.mark.parametrize("wish", ["retry", "fail", "assume_sent"])
async def test_a_job_in_doubt_whose_delivery_is_cancelled_says_that_it_may_have_been_delivered(wish: str) -> None:
    desk = Desk(CALLED_OFF)
    await desk.orders.open()
    state: State = replace(STATE, face=FACE, seq=1, doubtful=True)
    job = read(replace(TICKET, body=TICKET.body[:-1] + f',"on_doubt":"{wish}"}}'.encode()), max_octets=10_000)
    assert isinstance(job, SendJob)
    await desk.delivery.deliver(TICKET, job, InDoubt(state))
    assert desk.events == [("cancelled", True)]
    assert [outcome.doubtful for outcome in desk.log.outcomes] == [True]
    assert desk.way.mails == 0


async def test_an_overridden_limit_is_what_the_gate_is_asked_with() -> None:
    limits = Limits(rate=0.5, connections=2)
    desk = Desk(Override(target="big", pool=None, limits=limits, since=NOW, until=NOW + 60, by="ann@ops"))
    await desk.deliver()
    assert desk.way.rules == [replace(RULE, rate=0.5, connections=2, fixed=True)]
    desk.now += 60
    await desk.deliver()
    assert desk.way.rules[1:] == [RULE]
