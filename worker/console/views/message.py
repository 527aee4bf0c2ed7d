"""Messages: a page of a list, and one message's story. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from feedback.event import Event
from feedback.log.row import Row as JobRow
from feedback.log.row import read_face
from feedback.log.story import Hold, KeptAttempt, read_attempts, read_holds
from feedback.tracker.figures import reason_name
from feedback.tracker.message import Bounce, Message, posix
from feedback.tracker.quarantine import Quarantine
from worker.console.views.wording import STANDINGS, lasting, milliseconds, words


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message in a list; `said` is the newest reply, or what happened instead."""

    job_id: str
    delivery_id: str
    address: str
    standing: str
    reason: str | None
    said: str | None
    at: float
    in_doubt: bool


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to a message, or will. `tone`: `good`, `bad`, `wait` or `plain`; `quoted`: the detail is what
    a server said; `dialogue`: all that was said, where that is kept."""

    at: float
    what: str
    detail: str = ""
    tone: str = "plain"
    ahead: bool = False
    quoted: bool = False
    facts: tuple[Fact, ...] = ()
    dialogue: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One message: where it stands, what comes next and what is in its way, what happened, what the last server said, and
    what we made of it."""

    job_id: str
    delivery_id: str
    address: str
    standing: str
    final: bool
    next: str
    hindrances: tuple[str, ...]
    in_doubt: bool
    moments: tuple[Moment, ...]
    said: str | None
    conversation: tuple[Fact, ...]
    meaning: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    site: str | None
    event: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What log and tracker know of one job; at least one of the two knows it. `owner`: the worker that has it in hand;
    `attempts`: those the log has kept."""

    message: Message | None
    job: JobRow | None
    owner: str | None
    bounces: Sequence[Bounce] = ()
    quarantine: Quarantine | None = None
    attempts: Sequence[bytes] = ()


def listed(messages: Sequence[Message]) -> list[MessageRow]:
    return [_row(message) for message in messages]


def _row(message: Message) -> MessageRow:
    event = msgspec.json.decode(message.event, type=Event)
    return MessageRow(
        job_id=message.job_id,
        delivery_id=message.delivery_id,
        address=message.address,
        standing=message.standing,
        reason=None if message.reason is None else reason_name(message.reason),
        said=said(event),
        at=message.at,
        in_doubt=message.in_doubt,
    )


def said(event: Event) -> str | None:
    """A server's last words, or what was the matter without any."""
    if event.smtp is None:
        return event.detail
    return f"{event.smtp.code} {event.smtp.text}" if event.smtp.code else event.smtp.text


def story(heard: Heard, now: float) -> Story:
    event = _newest(heard)
    job, message = heard.job, heard.message
    holds = read_holds(job.holds if job else None)
    held = _held(heard, holds)
    moments = [*_past(heard, event), *map(_hold, holds), *_ahead(heard, event, held)]
    job_id, delivery_id, address = _names(heard)
    return Story(
        job_id=job_id,
        delivery_id=delivery_id,
        address=address,
        standing="accepted" if event is None else event.event,
        final=event is not None and event.final,
        next=_next(heard, event, held, now),
        hindrances=(),
        in_doubt=bool(message.in_doubt if message else job and job.doubtful),
        moments=tuple(sorted(moments, key=lambda moment: (moment.at, moment.ahead))),
        said=said(event) if event else None,
        conversation=_conversation(event) if event else (),
        meaning=_meaning(event) if event else (),
        facts=_facts(heard, event),
        site=event.path.site if event and event.path else None,
        event=msgspec.json.format(msgspec.json.encode(event), indent=2).decode() if event else None,
    )


def _names(heard: Heard) -> tuple[str, str, str]:
    """The job's id, its delivery's, and the recipient's address."""
    if heard.job is not None:
        face = read_face(heard.job.face)
        return face.job_id, face.delivery_id, face.rcpt_to
    assert heard.message is not None  # one of the two knows it
    return heard.message.job_id, heard.message.delivery_id, heard.message.address


def _newest(heard: Heard) -> Event | None:
    """The log's event is written before the tracker hears of it; once the log has forgotten, the tracker's is left."""
    logged = None if heard.job is None else heard.job.event
    known = None if heard.message is None else heard.message.event
    events = [msgspec.json.decode(event, type=Event) for event in (logged, known) if event]
    return max(events, key=lambda event: event.seq, default=None)


def _next(heard: Heard, event: Event | None, held: Hold | None, now: float) -> str:
    if event is not None and event.final:
        return "Nothing more: this is final."
    if heard.owner is not None:
        committed = bool(heard.job and heard.job.intent)
        doing = "its final dot is on the way" if committed else "it waits for leave to go, or is on its way"
        return f"Worker {heard.owner} has it in hand: {doing}."
    if event is not None and event.next_attempt_at is not None:
        due = posix(event.next_attempt_at)
        if due > now:
            return f"It waits for its next attempt, in {lasting(due - now)}."
        return f"The next attempt is due. {_holding(held, now)}" if held else "The next attempt is due now."
    if held is not None:
        return _holding(held, now)
    return "It waits in the queue for its contact date or its turn."


def _past(heard: Heard, event: Event | None) -> list[Moment]:
    """What happened, but for the holds."""
    moments = []
    accepted = heard.job.accepted_at if heard.job else heard.message.accepted_at if heard.message else None
    if accepted is not None:
        moments.append(Moment(accepted, "Taken from the queue"))
    attempts = read_attempts(heard.attempts)
    told = {(one.event, one.attempt) for one in attempts}
    moments += map(_tried, attempts)
    for bounce in () if attempts else heard.bounces:
        if event is None or bounce.event_id != event.event_id:
            moments.append(Moment(bounce.at, f"{bounce.type} error", words(reason_name(bounce.reason)), "wait"))
    if event is not None and event.event != "accepted" and (event.event, event.attempt) not in told:
        moments.append(_ending(event))
    return moments


def _ahead(heard: Heard, event: Event | None, held: Hold | None) -> list[Moment]:
    """What is to come, as far as it is known when."""
    moments = []
    if event is not None and event.next_attempt_at is not None and heard.owner is None:
        moments.append(Moment(posix(event.next_attempt_at), "Next attempt", ahead=True))
    if held is not None:
        moments.append(Moment(held.until, "Looked at again", "or earlier, when its site takes more", ahead=True))
    if heard.job is not None and heard.job.final is None:
        moments.append(
            Moment(heard.job.expires_at, "End of its validity", "it fails if it has not been sent", ahead=True)
        )
    return moments


def _held(heard: Heard, holds: Sequence[Hold]) -> Hold | None:
    """The hold that a job is in, if it has not been tried since and nobody has it in hand."""
    job = heard.job
    if job is None or job.final is not None or heard.owner is not None:
        return None
    last = holds[-1] if holds else None
    return last if last is not None and last.attempts >= job.attempt and last.since >= (job.retry_at or 0.0) else None


def _holding(held: Hold, now: float) -> str:
    again = f"looked at again in {lasting(held.until - now)}" if held.until > now else "to be looked at again now"
    return f"It is held, {again}: {_why(held)}"


def _why(hold: Hold) -> str:
    said = f"; the site had said: {hold.reply}" if hold.reply else ""
    rule = f" (rule {hold.rule})" if hold.rule and f"rule {hold.rule}:" not in hold.why else ""
    return f"{hold.why}{rule}{said}"


def _hold(hold: Hold) -> Moment:
    times = f", {hold.times} times" if hold.times > 1 else ""
    return Moment(hold.since, f"Held for {lasting(hold.until - hold.since)}{times}", _why(hold), "wait")


def _tried(attempt: KeptAttempt) -> Moment:
    what = f"Attempt {attempt.attempt}: {STANDINGS.get(attempt.event, attempt.event)}"
    said = "" if attempt.smtp is None else f"{attempt.smtp.code or ''} {attempt.smtp.text}".strip()
    tone = _TONES.get(attempt.event, "wait")
    return Moment(
        attempt.began_at, what, said, tone, quoted=True, facts=_way(attempt), dialogue=tuple(attempt.dialogue)
    )


def _way(attempt: KeptAttempt) -> tuple[Fact, ...]:
    facts = []
    if attempt.path and attempt.path.mx_host:
        facts.append(Fact("host", f"{attempt.path.mx_host} ({attempt.path.remote_ip or 'no address'})"))
    if attempt.rule:
        facts.append(Fact("traffic rule", attempt.rule))
    facts.append(Fact("waited for leave", milliseconds(attempt.waited_ms)))
    facts.append(Fact("took", milliseconds(attempt.ms)))
    if attempt.nth:
        facts.append(Fact("message on its connection", str(attempt.nth)))
    if means := attempt.qualification:
        facts.append(Fact("read as", f"{words(means.name)} ({means.type}, {words(means.reason_name)}) by {means.rule}"))
    facts.append(Fact("worker", attempt.worker))
    return tuple(facts)


_TONES = {"sent": "good", "failed": "bad", "cancelled": "bad"}


def _ending(event: Event) -> Moment:
    tone = _TONES.get(event.event, "wait")
    what = STANDINGS[event.event].capitalize()
    if event.cause:
        what += f": {words(event.cause)}"
    if event.smtp:
        what = f"Attempt {event.attempt}: {what}"
    return Moment(posix(event.at), what, said(event) or "", tone, quoted=event.smtp is not None)


def _conversation(event: Event) -> tuple[Fact, ...]:
    """Who was spoken to, from where, and how."""
    facts = []
    if event.smtp:
        facts += [Fact("phase", event.smtp.phase.upper()), Fact("canonical text", event.smtp.canonical)]
    if path := event.path:
        host = path.mx_host or "nobody"
        facts.append(Fact("host", f"{host} ({path.remote_ip})" if path.remote_ip else host))
        facts.append(Fact("site", path.site or "not known"))
        facts.append(Fact("from", f"{path.source_ip or 'the system’s choice'}, as {path.helo or 'nobody'}"))
        tls = path.tls
        facts.append(Fact("TLS", f"{tls.version}, {tls.cipher}, {tls.auth}" if tls else "in clear, or no session"))
    return tuple(facts)


def _meaning(event: Event) -> tuple[Fact, ...]:
    means = event.qualification
    if means is None:
        return ()
    facts = [
        Fact("bounce code", f"{means.code} {words(means.name)}"),
        Fact("for the address", means.type),
        Fact("reason", words(means.reason_name)),
        Fact("by rule", means.rule),
    ]
    return (*facts, Fact("to qualify", "no rule knows this reply")) if means.to_qualify else tuple(facts)


def _facts(heard: Heard, event: Event | None) -> tuple[Fact, ...]:
    facts = []
    if event is not None:
        facts += [Fact("wave", str(event.wave)), Fact("tenant", event.tenant or "none")]
        facts += [Fact("attempts", str(event.attempt)), Fact("worker", event.worker)]
        facts += [Fact(f"context: {key}", str(value)) for key, value in event.context.items()]
    if heard.quarantine is not None:
        facts.append(Fact("quarantine", f"{heard.quarantine.type} error of delivery {heard.quarantine.delivery_id}"))
    if heard.job is None:
        facts.append(Fact("delivery log", "forgotten there: it was settled long ago"))
    if heard.message is None:
        facts.append(Fact("tracker", "has not heard of it yet"))
    return tuple(facts)
