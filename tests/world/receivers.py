"""Receiving sites that know exactly what they took, the DNS that leads to them, and a relay that talks to them."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Ending, Path, Phase, Refused, Trouble
from mta.lane import Lane
from mta.reply import Reply
from mta.routing.answer import Answer, Failure
from mta.routing.route import Route
from mta.smtp import Intend, Mail, Offers
from mta.traffic.rule import Rule
from tests.world.loop import PROCESS, WorldLoop
from tests.world.wire import Wire

Fate = Literal["fine", "unknown", "busy"]
"""What a site will always say of a recipient: takes mail, is not there, is busy for ever."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How one attempt is going to go. `taken`: the message, once its final dot has arrived."""

    phase: Phase
    ending: Ending | None  # None: whatever there is, the final dot is not answered
    taken: bool = False
    pause: float = 0.02
    silence: float = 5.0


_UNKNOWN = Refused(Reply(550, "5.1.1 no such user here"))
_GREY = Refused(Reply(451, "4.7.1 greylisted, try again in 20 seconds"))
_FULL = Refused(Reply(452, "4.2.2 mailbox full"))
_BUSY = Refused(Reply(421, "4.7.0 too many connections, try again in 15 seconds"))
_LATER = Refused(Reply(451, "4.3.0 local error"))
_POLICY = Refused(Reply(554, "5.7.1 message looks like spam"))
_THANKS = Delivered(Reply(250, "2.0.0 queued"))
_DOWN = Broken(Trouble.UNREACHABLE, "connection refused")

_FINE = Turn(Phase.BODY, _THANKS, taken=True)
_TURNS: list[tuple[int, Turn]] = [
    (30, _FINE),
    (4, Turn(Phase.BODY, _THANKS, taken=True, pause=3.0)),
    (1, Turn(Phase.BODY, _THANKS, taken=True, pause=25.0)),
    (3, Turn(Phase.RCPT, _GREY)),
    (2, Turn(Phase.RCPT, _FULL)),
    (2, Turn(Phase.MAIL, _BUSY)),
    (2, Turn(Phase.CONNECT, _DOWN)),
    (1, Turn(Phase.CONNECT, Broken(Trouble.TIMEOUT, "no answer"), pause=10.0)),
    (2, Turn(Phase.DATA, Broken(Trouble.LOST, "reset in mid-dialogue"))),
    (3, Turn(Phase.BODY, _LATER)),
    (1, Turn(Phase.BODY, _POLICY)),
    (3, Turn(Phase.BODY, None, taken=True, silence=0.5)),
    (3, Turn(Phase.BODY, None, taken=False, silence=0.5)),
    (1, Turn(Phase.BODY, None, taken=True, silence=40.0)),
]
_OFFERS = Offers(eightbitmime=True, pipelining=True)


@dataclass(slots=True)
class Site:
    """One receiving system. `moody`: the share of attempts that go otherwise than they should."""

    name: str
    rule: Rule
    moody: float
    up: bool = True
    open: dict[str, int] = field(default_factory=dict)

    def turn(self, fate: Fate, rng: random.Random) -> Turn:
        if not self.up:
            return Turn(Phase.CONNECT, _DOWN)
        if fate == "unknown":
            return Turn(Phase.RCPT, _UNKNOWN)
        moody = rng.random() < self.moody
        if fate == "busy":
            return Turn(Phase.BODY if moody else Phase.RCPT, _LATER)
        if not moody:
            return _FINE
        return rng.choices([turn for _, turn in _TURNS], [weight for weight, _ in _TURNS])[0]


class Receivers:
    """All sites, as the relay of every worker finds them."""

    def __init__(
        self, loop: WorldLoop, rng: random.Random, wire: Wire, clock: Callable[[], float], fates: dict[str, Fate]
    ) -> None:
        self.loop, self.rng, self.wire, self.clock, self.fates = loop, rng, wire, clock, fates
        self.sites: dict[str, Site] = {}
        self.told: Callable[[str, str, Any], None] = lambda what, job_id, about: None

    def job_id(self, rcpt_to: str) -> str:
        return rcpt_to.partition("@")[0].partition(".")[0]


class WorldRelay:
    """`Relay` of one worker process."""

    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers
        self._closed = False

    async def close(self) -> None:
        self._closed = True

    def open(self, lane: Lane) -> int:
        process, site = PROCESS.get(), self._receivers.sites[lane.site]
        return site.open.get(process.name if process else "", 0)

    def trim(self, lane: Lane, connections: int) -> None: ...

    async def send(self, mail: Mail, lane: Lane, route: Route, rule: Rule, intend: Intend) -> Attempt:
        world = self._receivers
        rcpt_to = mail.envelope.rcpt_to
        began_at, started = world.clock(), world.loop.time()
        world.told("attempt", world.job_id(rcpt_to), rcpt_to)
        process = PROCESS.get()
        me = process.name if process else ""
        site = world.sites[lane.site]
        site.open[me] = site.open.get(me, 0) + 1
        world.told("open", lane.site, (me, site.open[me]))
        try:
            phase, ending = await self._dialogue(mail, site, intend)
        finally:
            site.open[me] -= 1
        world.told("ended", world.job_id(rcpt_to), ending)
        path = Path(site=lane.site, mx_host=route.hosts[0].name)
        return Attempt(
            phase=phase, ending=ending, path=path, began_at=began_at, duration=world.loop.time() - started, nth=1
        )

    async def _dialogue(self, mail: Mail, site: Site, intend: Intend) -> tuple[Phase, Ending]:
        world, rcpt_to = self._receivers, mail.envelope.rcpt_to
        if self._closed:
            return Phase.CONNECT, Broken(Trouble.SHUTDOWN, "the worker stops")
        turn = site.turn(world.fates.get(rcpt_to, "fine"), world.rng)
        await asyncio.sleep(turn.pause * world.rng.random())
        if turn.phase is Phase.CONNECT and turn.ending:
            return turn.phase, turn.ending
        if isinstance(octets := await mail.compose(_OFFERS), Broken):
            return Phase.MAIL, octets
        if hindrance := mail.hindrance():
            return Phase.MAIL, hindrance
        world.told("mail", world.job_id(rcpt_to), rcpt_to)
        await asyncio.sleep(turn.pause * world.rng.random())
        if turn.phase in (Phase.MAIL, Phase.RCPT, Phase.DATA) and turn.ending:
            return turn.phase, turn.ending
        if mail.test:
            return Phase.RCPT, _THANKS
        if not await intend():
            return Phase.BODY, Broken(Trouble.FENCED, "the claim could not be confirmed")
        return Phase.BODY, await self._dot(rcpt_to, octets, turn)

    async def _dot(self, rcpt_to: str, octets: bytes, turn: Turn) -> Ending:
        """The final dot, and what is answered to it. What has left arrives, whatever becomes of the sender."""
        world = self._receivers
        answer: asyncio.Future[Ending] = world.loop.create_future()
        world.told("dot", world.job_id(rcpt_to), rcpt_to)
        handle = world.wire.later(PROCESS.get(), self._arrived, rcpt_to, octets, turn, answer)
        try:
            return await answer
        except asyncio.CancelledError:
            if world.rng.random() < 0.5:
                handle.cancel()
            raise

    def _arrived(self, rcpt_to: str, octets: bytes, turn: Turn, answer: "asyncio.Future[Ending]") -> None:
        world = self._receivers
        if turn.taken:
            world.told("copy", world.job_id(rcpt_to), (rcpt_to, octets))
        if turn.ending is None:
            world.loop.call_later(turn.silence, _say, answer, Doubtful("no reply to the final dot"))
        else:
            world.loop.call_later(turn.pause * world.rng.random(), _say, answer, turn.ending)


def _say(answer: "asyncio.Future[Ending]", ending: Ending) -> None:
    if not answer.done():
        answer.set_result(ending)


class WorldDns:
    """`Dns`: every domain leads to its site, but for those that do not exist, and times when nobody answers."""

    def __init__(self, domains: dict[str, str], rng: random.Random) -> None:
        self._domains = domains
        self._rng = rng
        self.dead = False

    async def query(self, name: str, kind: str) -> Answer | Failure:
        await asyncio.sleep(5.0 if self.dead else self._rng.random() * 0.02)
        if self.dead:
            return Failure(Trouble.DNS_TIMEOUT, "nobody answered", 5.0)
        site = self._domains.get(name)
        if site is None:
            return Failure(Trouble.NO_DOMAIN, f"{name} does not exist", 300.0)
        return Answer((SimpleNamespace(preference=10, exchange=f"mx1.{site}."),), 300.0)
