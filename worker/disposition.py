"""What becomes of a job after an attempt, or instead of one. A closed set; the deciding is pure."""

from msgspec import Struct

from feedback.event import Cause
from feedback.log import OnDoubt
from feedback.qualification import Qualification, Verdict
from feedback.qualifier.trouble import in_doubt
from feedback.writer import Failure
from mta.attempt import Attempt, Broken, Doubtful, Trouble


class Done(Struct, frozen=True):
    """Sent, as far as anybody will ever know."""

    attempt: Attempt | None


class RetryAt(Struct, frozen=True):
    """Soft: `delayed` until `at` (POSIX seconds)."""

    at: float
    attempt: Attempt
    qualification: Qualification


class GiveUp(Struct, frozen=True):
    """Failed for good."""

    failure: Failure


class Expired(Struct, frozen=True):
    """Its validity is over; no attempt was made."""


class Cancelled(Struct, frozen=True):
    """Its delivery was called off; no attempt was made."""


class HeldUntil(Struct, frozen=True):
    """Not tried: back to the queue until `at`, no attempt counted, no event. `why` is for people. `site`: it could not go
    because its site takes no more now, and waits with the site's others; `rule` and `reply`: see `mta.traffic.permit.Held`."""

    at: float
    why: str
    site: str | None = None
    rule: str | None = None
    reply: str | None = None


_DEAD_WORKER = "a worker died in the act; whether the receiver took the message is unknown"

Disposition = Done | RetryAt | GiveUp | Expired | Cancelled | HeldUntil


class Terms(Struct, frozen=True):
    """What bounds a decision: the job's wish for doubt, whether its doubtful repeat is spent, when a next try would be
    due, and the end of validity (POSIX seconds)."""

    on_doubt: OnDoubt
    resent: bool
    retry_at: float
    expires_at: float


def dispose(attempt: Attempt, verdict: Verdict, terms: Terms) -> Disposition:
    """The consequence of an attempt that delivered nothing for certain; `verdict` is what the qualifier made of it."""
    match attempt.ending:
        case Doubtful() if terms.on_doubt == "assume_sent":
            return Done(attempt)
        case Doubtful() if terms.on_doubt == "fail" or terms.resent:
            return _give_up("in_doubt", verdict, attempt)
        case Broken(Trouble.ILLEGAL_MESSAGE):
            return _give_up("rejected", verdict, attempt)
    if not verdict.retry:
        return _give_up("bounced", verdict, attempt)
    # Past the end of validity there is no next try: the job waits out its validity and expires on time.
    return RetryAt(min(terms.retry_at, terms.expires_at), attempt, verdict.qualification)


def _give_up(cause: Cause, verdict: Verdict, attempt: Attempt) -> GiveUp:
    return GiveUp(Failure(cause=cause, qualification=verdict.qualification, attempt=attempt))


def weigh_doubt(on_doubt: OnDoubt, resent: bool) -> Disposition | None:
    """What becomes of a job that a dead worker left in doubt; None: it is sent again, this once."""
    if on_doubt == "assume_sent":
        return Done(None)
    if on_doubt == "fail" or resent:
        return GiveUp(Failure(cause="in_doubt", qualification=in_doubt(), detail=_DEAD_WORKER))
    return None


def lapse(on_doubt: OnDoubt, doubtful: bool) -> Disposition:
    """What becomes of a job whose validity is over and whose ticket is not at hand. That of a job which wants no repeat is
    still doubtful only where a dead worker left it so: its wish decides, as it would have with its ticket."""
    return (weigh_doubt(on_doubt, resent=False) if doubtful else None) or Expired()
