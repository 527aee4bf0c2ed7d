"""One job's way through the worker: the table of contents. Each step is a function in a room of its own."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from feedback.log import Another, Claim, Elsewhere, Fresh, InDoubt, Settled, State, Taken, Waiting
from mta.attempt import Attempt, Broken, Doubtful, Path, Phase, Trouble
from mta.lane import Lane, Source
from mta.routing import Routing
from mta.routing.book import PolicyBook
from mta.routing.route import NoRoute, Route
from mta.smtp import Mail, Offers, Relay
from mta.traffic.permit import Gate, Permit
from mta.traffic.rule import Rule
from mta.traffic.rules import RulesInForce
from mta.traffic.source import choose_source
from worker.disposition import Cancelled, Disposition, Done, Expired, HeldUntil, Terms, dispose, weigh_doubt
from worker.job import SendJob
from worker.orders.order import Suspension
from worker.orders.standing import look_again
from worker.orders.view import Orders
from worker.preparation import Preparation, Prepared
from worker.queue import Ticket
from worker.reading import Reading
from worker.schedule import Backoff, retry_delay
from worker.settlement import Settlement
from worker.window import FOR_EACH_CONNECTION

_log = structlog.get_logger("worker.delivery")

_PATIENCE = 2.0
"""Seconds a job may wait in memory for its permit; what cannot go sooner goes back to the queue."""

_NOT_OURS = (Trouble.FENCED, Trouble.SHUTDOWN, Trouble.STOPPED)
_PAUSE = 1.0
"""Seconds until a job is looked at again whose claim was lost, or could not be confirmed, before the final dot, or that
an operator's order kept from its MAIL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The seams through which an attempt is made and read."""

    routing: Routing
    rules: RulesInForce
    gate: Gate
    relay: Relay
    reading: Reading
    orders: Orders
    intend: Callable[[tuple[str, int]], Awaitable[bool]]
    policies: PolicyBook | None = None
    """Those of MTA-STS, opened before the first mail."""
    watch: Callable[[Attempt, str, float], None] = lambda attempt, domain, now: None
    """Sees every attempt, with the recipient's domain and the time."""
    usable: Callable[[Source, str], bool] = lambda source, site: True
    """Whether a source may send to a site now; when none of a pool may, one is chosen all the same, and held."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Drives jobs, each from its claim to its acknowledgement."""

    outside: Outside
    preparation: Preparation
    settlement: Settlement
    backoff: Backoff
    clock: Callable[[], float]
    rng: random.Random

    async def deliver(self, ticket: Ticket, job: SendJob, claim: Claim) -> None:
        """Do what the claim asks for; returns when the ticket is finished."""
        match claim:
            case Another():
                _log.info("published_before", job=job.job_id)
                await self.settlement.finish(ticket)
            case Elsewhere(lease):
                await self.settlement.look_again(ticket, lease)
            case Waiting() | Settled():
                await self.settlement.repeat(ticket, claim, self.clock())
            case Fresh(state) | Taken(state) | InDoubt(state):
                await self.settlement.accept(claim)  # first, lest an outcome wait for it with a dot already sent
                settled = False
                try:
                    state, disposition = await self._drive(ticket, job, state, isinstance(claim, InDoubt))
                    await self.settlement.settle(ticket, state, disposition, self.clock())
                    settled = True
                finally:
                    if not settled:  # else the job may be in hand again by now, with a place of its own
                        self.settlement.window.leave(job.job_id)

    async def _drive(self, ticket: Ticket, job: SendJob, state: State, doubted: bool) -> tuple[State, Disposition]:
        """One attempt, or the reason why none was made; the state counts it."""
        if early := self._without_attempt(job, state, doubted):
            return state, early
        prepared = self.preparation.prepare(job, state, self.clock())
        if not isinstance(prepared, Prepared):
            _log.warning("impossible", job=job.job_id, delivery=job.delivery_id, why=prepared.failure.detail)
            return state, prepared
        route = await self.outside.routing.route(prepared.envelope.domain)
        if isinstance(route, NoRoute):
            return self._read(job, state, _unrouted(prepared, route, self.clock()), None)
        lane = Lane(choose_source(prepared.sources, route.site, self.rng, self.outside.usable), route.site)
        asked_at = self.clock()
        permit = await self._leave(ticket, job, lane, self.outside.rules.match(route))
        if not isinstance(permit, Permit):
            return state, permit
        attempt = None
        try:
            if self.clock() >= state.expires_at:  # it waited for its way and its turn
                return state, Expired()
            if stopped := self._stopped(job, lane):
                return state, stopped
            waited = max(0.0, self.clock() - asked_at)  # the clock may be set back
            attempt = await self._send(job, state, prepared, lane, route, permit.rule)
            attempt = replace(attempt, waited=waited)
        finally:
            asked = self.outside.gate.settle(permit, attempt)
        return self._read(job, state, attempt, asked)

    async def _leave(self, ticket: Ticket, job: SendJob, lane: Lane, rule: Rule) -> Permit | Disposition:
        """Leave for one attempt, or why there is none. The queue hears of it, which takes no more than can go."""
        asked_at = self.clock()
        stopped = self._stopped(job, lane)
        if stopped is None:
            if not self.settlement.admit(ticket, lane, job.envelope.domain):
                return HeldUntil(asked_at + _PAUSE, "others of its site are waiting", lane.site)
            rule = self.outside.orders.in_force(rule, lane)
            permit = await self.outside.gate.ask(lane, rule, transactional=job.transactional, patience=_PATIENCE)
            if isinstance(permit, Permit):
                self.settlement.told(ticket, lane, waited=self.clock() - asked_at, until=None)
                return permit
            until = min(permit.until, self.outside.orders.horizon(lane))
            stopped = HeldUntil(until, permit.why, lane.site, rule.name, permit.reply)
        if isinstance(stopped, HeldUntil):
            self.settlement.told(ticket, lane, waited=self.clock() - asked_at, until=stopped.at)
        return stopped

    def _without_attempt(self, job: SendJob, state: State, doubted: bool) -> Disposition | None:
        now = self.clock()
        if self.outside.orders.cancelled(job.delivery_id):
            return Cancelled()
        if doubted and (decided := weigh_doubt(job.on_doubt, state.resent)):
            return decided
        if now >= state.expires_at:
            return Expired()
        if job.not_before is not None and job.not_before > now:
            return HeldUntil(job.not_before, "its contact date has not come")
        return None

    def _stopped(self, job: SendJob, lane: Lane) -> Disposition | None:
        """What an operator's order makes of a job that could go."""
        if self.outside.orders.cancelled(job.delivery_id):
            return Cancelled()
        if suspension := self.outside.orders.suspension(lane, job.envelope.domain):
            again = look_again(suspension, self.clock(), self.rng.random())
            return HeldUntil(again, _suspended(suspension), lane.site)
        return None

    async def _send(
        self, job: SendJob, state: State, prepared: Prepared, lane: Lane, route: Route, rule: Rule
    ) -> Attempt:
        async def compose(offers: Offers) -> bytes | Broken:
            octets = prepared.draft.octets(eightbitmime=offers.eightbitmime)
            if isinstance(octets, Broken):
                return octets
            return await self.preparation.sign(octets, prepared.keys, self.clock())

        async def intend() -> bool:
            await self.settlement.window.enter(job.job_id, lane, FOR_EACH_CONNECTION * rule.connections)
            return await self.outside.intend((job.job_id, state.attempt + 1))

        def hindrance() -> Broken | None:
            """It may have waited long for its session."""
            stopped = self._stopped(job, lane)
            return Broken(Trouble.STOPPED, "stopped by an operator's order") if stopped else None

        mail = Mail(envelope=prepared.envelope, compose=compose, test=job.test, hindrance=hindrance)
        return await self.outside.relay.send(mail, lane, route, rule, intend)

    def _read(self, job: SendJob, state: State, attempt: Attempt, asked: float | None) -> tuple[State, Disposition]:
        """What the attempt meant for the job. `asked`: the pause the pace wants where the site refused traffic."""
        now = self.clock()
        tried = replace(
            state, attempt=state.attempt + 1, doubtful=state.doubtful or isinstance(attempt.ending, Doubtful)
        )
        _log_attempt(job, tried, attempt)
        self.outside.watch(attempt, job.envelope.domain, now)
        if isinstance(attempt.ending, Broken) and attempt.ending.trouble in _NOT_OURS:
            return state, HeldUntil(now + _PAUSE, attempt.text)
        verdict = self.outside.reading.verdict(attempt, job.envelope.domain, now)
        if verdict is None:
            return tried, Done(attempt)
        delay = asked if asked is not None else retry_delay(tried.attempt, attempt, self.backoff, self.rng)
        # An attempt at a job already in doubt was its one repeat, whether or not the log has been read since.
        repeated = state.resent or state.doubtful
        terms = Terms(job.on_doubt, repeated, retry_at=now + delay, expires_at=state.expires_at)
        return tried, dispose(attempt, verdict, terms)


def _suspended(suspension: Suspension) -> str:
    why = f": {suspension.why}" if suspension.why else ""
    return f"{suspension.target} is suspended by {suspension.by}{why}"


def _unrouted(prepared: Prepared, route: NoRoute, now: float) -> Attempt:
    """The look-up was the attempt."""
    return Attempt(
        phase=Phase.DNS,
        ending=Broken(route.trouble, route.text),
        path=Path(site=prepared.envelope.domain),
        began_at=now,
        duration=0.0,
    )


def _log_attempt(job: SendJob, state: State, attempt: Attempt) -> None:
    path = attempt.path
    _log.info(
        "attempt",
        job=job.job_id,
        delivery=job.delivery_id,
        rcpt=job.rcpt_to,
        attempt=state.attempt,
        ending=type(attempt.ending).__name__.lower(),
        phase=attempt.phase.value,
        code=attempt.reply.code if attempt.reply else None,
        text=attempt.text,
        site=path.site,
        host=path.mx_host,
        ms=round(attempt.duration * 1000),
    )
