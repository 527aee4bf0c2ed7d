"""What is kept of a job's way for people: the holds before its attempts, and the attempts themselves. Pure.

Both are kept as JSON: holds in the job's row, where they are written when it is handed back; an attempt in a row of its own,
written with the outcome. No message is in either, nor any secret of a login.
"""

import zlib
from collections.abc import Sequence

import msgspec

from feedback.event import Event, PathPart, QualificationPart, SmtpPart
from feedback.wording import canonical
from mta.attempt import Attempt, Delivered
from mta.dialogue import transcript

MAX_HOLDS = 20
"""Holds of a job that are kept: the first, and the latest."""

MAX_WHY = 500
"""Characters of a reason or reply."""


class Hold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job was held instead of tried: `times` it came up between `since` and now, last until `until` (POSIX seconds).

    `attempts`: begun before. `why` is for people; `rule` and `reply` are the traffic rule behind it, and what the site had
    said that made its lane slower or closed it.
    """

    since: float
    until: float
    why: str
    attempts: int = 0
    times: int = 1
    site: str | None = None
    rule: str | None = None
    reply: str | None = None


class KeptAttempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt, as its event has it and beyond: `began_at` (POSIX seconds), the milliseconds it waited for its permit and
    took, its traffic rule, which message on its connection it was, and what was said (see `mta.dialogue.transcript`)."""

    attempt: int
    began_at: float
    event: str
    ms: int
    waited_ms: int = 0
    rule: str = ""
    nth: int | None = None
    dot_ms: int | None = None
    worker: str = ""
    smtp: SmtpPart | None = None
    path: PathPart | None = None
    qualification: QualificationPart | None = None
    next_attempt_at: str | None = None
    dialogue: Sequence[str] = ()


_encoder = msgspec.json.Encoder()
_holds = msgspec.json.Decoder(list[Hold])
_attempt = msgspec.json.Decoder(KeptAttempt)


def read_holds(kept: bytes | None) -> list[Hold]:
    return _holds.decode(kept) if kept else []


def with_hold(kept: bytes | None, hold: Hold) -> bytes:
    """The holds with one more. What is held again for the same reason is one hold; of many, those in the middle go."""
    holds = read_holds(kept)
    hold = msgspec.structs.replace(hold, why=hold.why[:MAX_WHY], reply=hold.reply and hold.reply[:MAX_WHY])
    if holds and _same(holds[-1], hold):
        last = holds.pop()
        hold = msgspec.structs.replace(hold, since=last.since, times=last.times + 1)
    elif len(holds) == MAX_HOLDS:
        del holds[1]
    return _encoder.encode([*holds, hold])


def _same(last: Hold, hold: Hold) -> bool:
    """The limits of a rule change from minute to minute, and replies have numbers in them; it is the same hold."""
    if (last.attempts, last.site, last.rule) != (hold.attempts, hold.site, hold.rule):
        return False
    return _alike(last.reply, hold.reply) and (hold.rule is not None or last.why == hold.why)


def _alike(last: str | None, reply: str | None) -> bool:
    if last == reply:
        return True
    return last is not None and reply is not None and canonical(last) == canonical(reply)


def is_kept(job_id: str, attempt: Attempt, number: int, sample: float) -> bool:
    """Whether an attempt is worth a row: one that failed, one that came after such a one, and of the others a `sample` (0 to 1)
    that is the same whoever asks."""
    if number > 1 or not isinstance(attempt.ending, Delivered):
        return True
    return zlib.crc32(job_id.encode("utf-8", "replace")) < sample * 2**32


def write_attempt(event: Event, attempt: Attempt) -> bytes:
    """An attempt and what its event says of it."""
    return _encoder.encode(
        KeptAttempt(
            attempt=event.attempt,
            began_at=attempt.began_at,
            event=event.event,
            ms=round(attempt.duration * 1000),
            waited_ms=round(attempt.waited * 1000),
            rule=attempt.rule,
            nth=attempt.nth,
            dot_ms=None if attempt.dot_time is None else round(attempt.dot_time * 1000),
            worker=event.worker,
            smtp=event.smtp,
            path=event.path,
            qualification=event.qualification,
            next_attempt_at=event.next_attempt_at,
            dialogue=transcript(attempt.dialogue),
        )
    )


def read_attempts(kept: Sequence[bytes]) -> list[KeptAttempt]:
    return [_attempt.decode(one) for one in kept]
