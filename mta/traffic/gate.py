"""The gate: permits within each lane's limits, first come first served, transactional first.

What decides is in `turns` and in each lane's guide: `restraint` goes by the rules alone, `paced` finds the site's own
limits. Here are only the futures that wait and the timers that wake them.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mta.attempt import Attempt
from mta.lane import Lane
from mta.traffic.part import REFUSED_PAUSE
from mta.traffic.permit import Held, Permit
from mta.traffic.phrases import asked_pause
from mta.traffic.quantity import format_rate
from mta.traffic.restraint import SLOWNESS, Restraint
from mta.traffic.rule import Rule
from mta.traffic.signal import Kind, Limit, Signal, read_signal
from mta.traffic.tally import Stop
from mta.traffic.turns import Turns

_MANY = 4096
"""Lanes kept before the idle ones are looked for and forgotten."""

_UNKNOWN = 1.0
"""Seconds until a job comes again that has waited in vain to hear what its lane may have."""

Answer = asyncio.Future[Permit | Held]


class Guide(Protocol):
    """What a lane may do now, and what learns from its attempts. Times are the event loop's."""

    @property
    def closed_until(self) -> float: ...

    @property
    def why(self) -> str:
        """Why it is closed, or has no connection, for people."""

    @property
    def horizon(self) -> float | None:
        """Seconds for which the limits in force are believed, where they may rise by themselves."""

    @property
    def hope(self) -> float:
        """How many times their present speed is to be expected of the limits in force, over the time that a job waits."""

    @property
    def not_before(self) -> float:
        """No attempt begins earlier, though the lane is open."""

    def in_force(self, rule: Rule, now: float) -> Rule:
        """The rule with its limits as they are now; no connections: that will be known in a moment."""

    def begun(self, busy: int, now: float) -> Any:
        """An attempt begins, with `busy` connections in use; what is answered comes back with `settled`."""

    def settled(self, begun: Any, attempt: Attempt, signal: Signal, speed: float, now: float) -> Signal:
        """Take an attempt in. Answers the signal as it holds for its message; `speed`: messages a second of the lane."""

    def stopped(self, by: Stop) -> None:
        """The lane would have sent one more, but for this."""

    def idle(self, now: float) -> bool:
        """Nothing worth keeping."""


@dataclass(slots=True, eq=False)
class _Line:
    """A lane's state and those who wait in it, each with its rule."""

    lane: Lane
    guide: Guide
    turns: Turns = field(default_factory=Turns)
    urgent: OrderedDict[Answer, Rule] = field(default_factory=OrderedDict)
    bulk: OrderedDict[Answer, Rule] = field(default_factory=OrderedDict)
    alarm: asyncio.TimerHandle | None = None
    patience: float = 0.0
    ordered: tuple[int, float | None] | None = None
    reply: str | None = None

    def follow(self, rule: Rule, now: float) -> None:
        """See whether an operator's limits have come into force, or gone."""
        ordered = (rule.connections, rule.rate) if rule.fixed else None
        if ordered != self.ordered:
            self.ordered = ordered
            self.turns.begin_again(self.guide.in_force(rule, now), now)

    @property
    def waiting(self) -> int:
        return len(self.urgent) + len(self.bulk)

    def idle(self, now: float) -> bool:
        return not self.waiting and self.turns.idle(now) and self.guide.idle(now)


class LaneGate:
    """`Gate` with a guide for each lane; without any, by the rules alone, with plain reactions to what sites reply.

    `clock` gives the POSIX time that `Held.until` is told in; turns are reckoned by the event loop's own clock.
    `signals` counts what sites told us.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        guide: Callable[[Lane, Rule], Guide] = lambda lane, rule: Restraint(),
        beside: int = 1,
    ) -> None:
        """`beside`: permits for each connection; the relay sees to it that no more connections are open than allowed."""
        self._beside = beside
        self._clock = clock
        self._guide = guide
        self._lines: dict[Lane, _Line] = {}
        self._many = _MANY
        self.signals: Counter[Kind] = Counter()
        self._lent: dict[Permit, tuple[float, Rule, Any]] = {}

    async def ask(self, lane: Lane, rule: Rule, *, transactional: bool, patience: float) -> Permit | Held:
        loop = asyncio.get_running_loop()
        now = loop.time()
        line = self._line(lane, rule, now)
        if line.guide.closed_until > now:
            return self._held(line, rule, now)
        force = line.guide.in_force(rule, now)
        ahead = len(line.urgent) if transactional else line.waiting
        due = _due(line, force, now)
        if not ahead and due == now:
            return self._permit(line, rule, force, now)
        line.guide.stopped(Stop.WINDOW if due is None else Stop.RATE)
        line.patience = patience
        if patience <= 0 or ahead >= line.guide.hope * line.turns.room(force, patience):
            return self._held(line, rule, now)
        return await self._wait(line, rule, transactional, patience)

    def settle(self, permit: Permit, attempt: Attempt | None) -> float | None:
        now = asyncio.get_running_loop().time()
        since, rule, begun = self._lent.pop(permit)
        line = self._lines[permit.lane]
        line.turns.give_back(since, now, used=attempt is not None)
        pause = None
        if attempt is not None:
            signal = read_signal(attempt, rule)
            signal = line.guide.settled(begun, attempt, signal, line.turns.speed(permit.rule), now)
            self.signals[signal.kind] += 1
            if signal.kind in (Kind.SLOW_DOWN, Kind.SUSPEND):
                line.reply = attempt.reply.line if attempt.reply else attempt.text
            pause = _pause(line, signal, attempt, permit.rule, now)
        self._serve(line)
        return pause

    def wake(self, lane: Lane) -> None:
        """The lane's guide has changed its mind: answer those who can be answered now."""
        if line := self._lines.get(lane):
            self._serve(line)
            self._send_away(line)

    async def _wait(self, line: _Line, rule: Rule, transactional: bool, patience: float) -> Permit | Held:
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        queue = line.urgent if transactional else line.bulk
        queue[answer] = rule
        alarm = loop.call_later(patience, self._give_up, line, queue, answer)
        self._serve(line)
        try:
            return await answer
        except asyncio.CancelledError:
            queue.pop(answer, None)
            if answer.done() and not answer.cancelled() and isinstance(answer.result(), Permit):
                self.settle(answer.result(), None)  # type: ignore[arg-type]
            raise
        finally:
            alarm.cancel()

    def _give_up(self, line: _Line, queue: OrderedDict[Answer, Rule], answer: Answer) -> None:
        """Its patience is over."""
        rule = queue.pop(answer, None)
        if rule is not None and not answer.done():
            answer.set_result(self._held(line, rule, asyncio.get_running_loop().time()))

    def _serve(self, line: _Line) -> None:
        """Answer those who wait, as far as that can be done now, and set the alarm for the next turn."""
        now = asyncio.get_running_loop().time()
        if line.alarm is not None:
            line.alarm.cancel()
            line.alarm = None
        closed, rule, force = line.guide.closed_until > now, None, None
        while queue := line.urgent or line.bulk:
            answer, wanted = next(iter(queue.items()))
            if answer.done():  # cancelled, and not yet told
                del queue[answer]
                continue
            if closed:
                del queue[answer]
                answer.set_result(self._held(line, wanted, now))
                continue
            if force is None or wanted is not rule:  # most have the same
                rule, force = wanted, line.guide.in_force(wanted, now)
                if closed := line.guide.closed_until > now:  # as was heard only now
                    continue
            due = _due(line, force, now)
            if due != now:
                line.guide.stopped(Stop.WINDOW if due is None else Stop.RATE)
                self._set_alarm(line, due)
                return
            del queue[answer]
            answer.set_result(self._permit(line, wanted, force, now))
        if line.turns.held.last <= now:  # nobody is on the way back either
            line.guide.stopped(Stop.WANT)

    def _send_away(self, line: _Line) -> None:
        """Those who came last, while it was not known that their turn would not come in time."""
        now = asyncio.get_running_loop().time()
        force = line.guide.in_force(next(iter(line.bulk.values())), now) if line.bulk else None
        away = []
        while force and line.bulk and line.waiting > line.guide.hope * line.turns.room(force, line.patience):
            away.append(line.bulk.popitem())
        for answer, rule in reversed(away):  # their places begin behind those who stay
            if not answer.done():
                answer.set_result(self._held(line, rule, now))

    def _set_alarm(self, line: _Line, due: float | None) -> None:
        if due is not None:
            line.alarm = asyncio.get_running_loop().call_at(due, self._serve, line)

    def _permit(self, line: _Line, rule: Rule, force: Rule, now: float) -> Permit:
        line.turns.take(force, now)
        permit = Permit(line.lane, force)
        self._lent[permit] = now, rule, line.guide.begun(-(-line.turns.busy // self._beside), now)
        return permit

    def _held(self, line: _Line, rule: Rule, now: float) -> Held:
        force = line.guide.in_force(rule, now)
        closed = line.guide.closed_until
        if closed > now:
            due, why = line.turns.place(force, closed, line.guide.horizon), line.guide.why
        else:
            hope = line.guide.hope
            speed = line.turns.speed(force)
            wait = line.waiting / (hope * speed)
            if line.guide.horizon is not None:
                # Where the speed is a guess: whoever waits here has gone or been sent away when his patience is over.
                guessed = force.rate is None or speed < force.rate
                wait = min(wait, line.patience if guessed else line.guide.horizon)
            start = now + (wait if force.connections else max(wait, _UNKNOWN))
            due = line.turns.place(force, start, line.guide.horizon, hope)
            why = _limits(force, rule) if force.connections else line.guide.why
        slowed = closed > now or force != rule  # else what the site said has been outlived
        return Held(self._clock() + due - now, why, line.reply if slowed else None)

    def _line(self, lane: Lane, rule: Rule, now: float) -> _Line:
        line = self._lines.get(lane)
        if line is None:
            if len(self._lines) >= self._many:
                self._lines = {lane: line for lane, line in self._lines.items() if not line.idle(now)}
                self._many = max(_MANY, 2 * len(self._lines))
            line = self._lines[lane] = _Line(lane, self._guide(lane, rule), Turns(beside=self._beside))
        line.follow(rule, now)
        return line


def _due(line: _Line, force: Rule, now: float) -> float | None:
    due = line.turns.due(force, now)
    return None if due is None else max(due, line.guide.not_before)


def _pause(line: _Line, signal: Signal, attempt: Attempt, rule: Rule, now: float) -> float | None:
    """How long a message stays away that was refused because of our traffic: as long as the lane is closed; or what its
    reply says, else a minute, or less under a pace, since a lane that is slowed down still sends."""
    horizon = line.guide.horizon
    match signal:
        case Signal(Kind.SUSPEND):
            return line.turns.place(rule, line.guide.closed_until, horizon) - now
        case Signal(Kind.SLOW_DOWN, limit) if limit is not Limit.NONE:
            pause = asked_pause(attempt.text) or (SLOWNESS if horizon is None else REFUSED_PAUSE)
            return line.turns.place_refused(rule, now + pause, horizon) - now
        case _:
            return None


def _limits(force: Rule, rule: Rule) -> str:
    """The limits behind a wait, for people."""
    rate = f", {format_rate(force.rate)}" if force.rate is not None else ""
    slowed = " (slowed down)" if force is not rule and force != rule else ""
    return f"rule {rule.name}: {force.connections} connections{rate}{slowed}"
