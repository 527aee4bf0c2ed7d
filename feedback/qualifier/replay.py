"""Yesterday's replies against changed rules: what would be qualified otherwise, per reason and per receiver."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from feedback.event import Event
from feedback.qualification import Qualification, Type
from feedback.qualifier import Qualifier
from feedback.qualifier.storm import Breaker, Weather, observed, softened
from mta.attempt import Phase, Refused
from mta.reply import Reply


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a log: a feedback event's `smtp`, `path` and recipient, or a line written for the purpose.

    `code` None or no `text`: no reply decided it, and no rule is asked. `at` (POSIX seconds) lets the storm breaker take part.
    """

    code: int | None = None
    text: str = ""
    phase: Phase = Phase.RCPT
    mx: str | None = None
    domain: str | None = None
    site: str | None = None
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
    """What changed rules would have done. Reasons by name; `receivers` counts changed replies by site, host or domain."""

    replies: int = 0
    changed: int = 0
    faults: list[str] = field(default_factory=list)
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    receivers: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    changes: list[Change] = field(default_factory=list)
    hard_before: int = 0
    hard_after: int = 0


def replay(
    lines: Iterable[bytes | str], before: Qualifier, after: Qualifier, breaker: Breaker | None = None
) -> Difference:
    """Compare what two packs say of a log of JSON lines, each a `Recorded` or a feedback event.

    A line that cannot be read becomes a fault, named by its number. With a `breaker`, `after` is what a storm breaker would
    have made of it, which requalifies an outage.
    """
    run = _Replay(before, _After(after, breaker))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            run.take(read(line))
        except (msgspec.MsgspecError, ValueError) as fault:
            run.found.faults.append(f"line {number}: {fault}")
    run.found.changes = sorted(run.kinds.values(), key=lambda change: -change.count)
    return run.found


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
        site=path.site if path else None,
        delivered=event.event == "sent",
        at=datetime.fromisoformat(event.at).timestamp() if smtp or event.event == "sent" else None,
    )


@dataclass(frozen=True, slots=True)
class _After:
    """The changed side: a pack and, perhaps, a storm breaker with the weather of each site."""

    qualifier: Qualifier
    breaker: Breaker | None
    weathers: dict[str, Weather] = field(default_factory=dict)

    def qualify(self, recorded: Recorded, receiver: str) -> Qualification | None:
        ending = _ending(recorded)
        verdict = self.qualifier.qualify(recorded.phase, ending, recorded.mx, recorded.domain) if ending else None
        if self.breaker is None or recorded.at is None or (ending is None and not recorded.delivered):
            return verdict.qualification if verdict else None
        weather = observed(self.weathers.get(receiver, Weather()), verdict, recorded.at, self.breaker)
        self.weathers[receiver] = weather
        return softened(verdict, weather).qualification if verdict else None


def _ending(recorded: Recorded) -> Refused | None:
    if recorded.delivered or recorded.code is None or not 400 <= recorded.code < 600:
        return None
    return Refused(Reply(recorded.code, recorded.text))


class _Replay:
    """A comparison under way."""

    def __init__(self, before: Qualifier, after: _After) -> None:
        self.found = Difference()
        self.kinds: dict[tuple[Qualification, Qualification], Change] = {}
        self._before = before
        self._after = after

    def take(self, recorded: Recorded) -> None:
        receiver = recorded.site or recorded.mx or recorded.domain or "unknown"
        new = self._after.qualify(recorded, receiver)
        ending = _ending(recorded)
        if new is None or ending is None:
            return
        old = self._before.qualify(recorded.phase, ending, recorded.mx, recorded.domain).qualification
        self._count(old, new)
        if (old.code, old.type, old.reason) != (new.code, new.type, new.reason):
            self._note(old, new, receiver, ending.reply.line)

    def _count(self, old: Qualification, new: Qualification) -> None:
        self.found.replies += 1
        self.found.before[old.reason.name.lower()] += 1
        self.found.after[new.reason.name.lower()] += 1
        self.found.hard_before += old.type is Type.HARD
        self.found.hard_after += new.type is Type.HARD

    def _note(self, old: Qualification, new: Qualification, receiver: str, line: str) -> None:
        self.found.changed += 1
        self.found.receivers[receiver, old.reason.name.lower(), new.reason.name.lower()] += 1
        seen = self.kinds.get((old, new))
        self.kinds[old, new] = Change(old, new, seen.count + 1 if seen else 1, seen.example if seen else line)
