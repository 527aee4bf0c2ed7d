"""Yesterday's replies against changed rules: what would be qualified otherwise, per reason and per receiver."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

import msgspec

from feedback.event import Event
from feedback.qualification import Qualification, Type, Verdict
from feedback.qualifier import Qualifier
from feedback.qualifier.storm import Breaker, Weather, observed, softened
from mta.attempt import Phase, Refused
from mta.reply import Reply


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a log: a feedback event's `smtp`, `path` and recipient, or a line written for the purpose.

    `code` None or no `text`: no reply decided it, and no rule is asked. `at` (POSIX seconds) lets the storm breaker take part.
    `rcpt_to` is told again where an address is no longer called dead.
    """

    code: int | None = None
    text: str = ""
    phase: Phase = Phase.RCPT
    mx: str | None = None
    domain: str | None = None
    site: str | None = None
    rcpt_to: str | None = None
    delivered: bool = False
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change: what it was, what it would be, how often, and a reply of it."""

    before: Qualification
    after: Qualification
    count: int
    example: str


@dataclass(slots=True)
class Difference:
    """What changed rules would have done. Reasons by name; `receivers` counts changed replies by site, host or domain and
    what they were and would be. `released` are the recipients that were called dead and would not be."""

    replies: int = 0
    changed: int = 0
    faults: list[str] = field(default_factory=list)
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    receivers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    hard_before: int = 0
    hard_after: int = 0
    released: list[str] = field(default_factory=list)


def replay(
    lines: Iterable[bytes | str], before: Qualifier, after: Qualifier, breaker: Breaker | None = None
) -> Difference:
    """Compare what two packs say of a log of JSON lines, each a `Recorded` or a feedback event.

    A line that cannot be read becomes a fault, named by its number. With a `breaker`, `after` is what a storm breaker would
    have made of it, which requalifies an outage: with hindsight the replies, too, by which it was found.
    """
    run = _Replay(before, after, breaker)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            run.take(read(line))
        except (msgspec.MsgspecError, ValueError) as fault:
            run.found.faults.append(f"line {number}: {fault}")
    return run.end()


class _Head(msgspec.Struct, frozen=True):
    event: str | None = None


def read(line: bytes | str) -> Recorded:
    """One line of a log.

    Raises:
        msgspec.MsgspecError, ValueError: it is neither a `Recorded` nor a feedback event.
    """
    if msgspec.json.decode(line, type=_Head).event is None:
        return msgspec.json.decode(line, type=Recorded)
    return _of_event(msgspec.json.decode(line, type=Event))


def _of_event(event: Event) -> Recorded:
    # An `expired` event repeats the reply of the last attempt, which had an event of its own.
    smtp = None if event.cause == "expired" else event.smtp
    path = event.path
    return Recorded(
        code=smtp.code if smtp else None,
        text=smtp.text if smtp else "",
        phase=Phase(smtp.phase) if smtp else Phase.RCPT,
        mx=path.mx_host if path else None,
        domain=event.rcpt_to.rpartition("@")[2] if event.rcpt_to else None,
        rcpt_to=event.rcpt_to,
        site=path.site if path else None,
        delivered=event.event == "sent",
        at=datetime.fromisoformat(event.at).timestamp() if smtp or event.event == "sent" else None,
    )


@dataclass(frozen=True, slots=True)
class _Change:
    """What one reply was, and would be."""

    old: Qualification
    verdict: Verdict
    receiver: str
    line: str
    rcpt_to: str | None

    def softened(self, weather: Weather) -> Self:
        return replace(self, verdict=softened(self.verdict, weather))


@dataclass(slots=True)
class _Climate:
    """The weather of each site as the log goes by, and the hard replies that a storm, if it comes, was found by."""

    breaker: Breaker
    weathers: dict[str, Weather] = field(default_factory=dict)
    rising: dict[str, deque[_Change]] = field(default_factory=dict)

    def observe(self, receiver: str, verdict: Verdict | None, at: float) -> Weather:
        weather = observed(self.weathers.get(receiver, Weather()), verdict, at, self.breaker)
        self.weathers[receiver] = weather
        return weather

    def hold(self, change: _Change) -> Iterable[_Change]:
        """Keep a change in mind until it is clear that no storm was rising; returns what is clear now."""
        held = self.rising.setdefault(change.receiver, deque())
        held.append(change)
        if self.weathers[change.receiver].stormy_since is not None:
            weather = self.weathers[change.receiver]
            yield from (one.softened(weather) for one in held)
            held.clear()
        while len(held) > self.breaker.latest:
            yield held.popleft()

    def rest(self) -> Iterable[_Change]:
        return (change for held in self.rising.values() for change in held)


def _ending(recorded: Recorded) -> Refused | None:
    if recorded.delivered or recorded.code is None or not 400 <= recorded.code < 600:
        return None
    return Refused(Reply(recorded.code, recorded.text))


class _Replay:
    """A comparison under way."""

    def __init__(self, before: Qualifier, after: Qualifier, breaker: Breaker | None) -> None:
        self.found = Difference()
        self._kinds: dict[tuple[Qualification, Qualification], Change] = {}
        self._before = before
        self._after = after
        self._climate = _Climate(breaker) if breaker else None

    def take(self, recorded: Recorded) -> None:
        receiver = recorded.site or recorded.mx or recorded.domain or "unknown"
        ending = _ending(recorded)
        verdict = self._after.qualify(recorded.phase, ending, recorded.mx, recorded.domain) if ending else None
        timed = self._climate is not None and recorded.at is not None and (verdict is not None or recorded.delivered)
        if timed and self._climate and recorded.at is not None:
            self._climate.observe(receiver, verdict, recorded.at)
        if ending is None or verdict is None:
            return
        old = self._before.qualify(recorded.phase, ending, recorded.mx, recorded.domain).qualification
        change = _Change(old, verdict, receiver, ending.reply.line, recorded.rcpt_to)
        if timed and self._climate and verdict.qualification.type is Type.HARD:
            for clear in self._climate.hold(change):
                self._count(clear)
        else:
            self._count(change)

    def end(self) -> Difference:
        for change in self._climate.rest() if self._climate else ():
            self._count(change)
        self.found.changes = sorted(self._kinds.values(), key=lambda change: -change.count)
        return self.found

    def _count(self, change: _Change) -> None:
        old, new = change.old, change.verdict.qualification
        self.found.replies += 1
        self.found.before[old.reason.name.lower()] += 1
        self.found.after[new.reason.name.lower()] += 1
        self.found.hard_before += old.type is Type.HARD
        self.found.hard_after += new.type is Type.HARD
        if (old.code, old.type, old.reason) != (new.code, new.type, new.reason):
            self._note(change, old, new)

    def _note(self, change: _Change, old: Qualification, new: Qualification) -> None:
        self.found.changed += 1
        self.found.receivers[change.receiver, old.reason.name.lower(), new.reason.name.lower()] += 1
        if change.rcpt_to and old.type is Type.HARD and new.type is not Type.HARD:
            self.found.released.append(change.rcpt_to)
        seen = self._kinds.get((old, new))
        self._kinds[old, new] = Change(old, new, seen.count + 1 if seen else 1, seen.example if seen else change.line)
