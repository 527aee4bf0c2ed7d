"""What it means when no reply decides an attempt."""

from feedback.qualification import Code, Qualification, Reason, Type, Verdict
from mta.attempt import Trouble


def _verdict(trouble: Trouble, code: Code, type_: Type, reason: Reason, retry: bool) -> tuple[Trouble, Verdict]:
    return trouble, Verdict(Qualification(code=code, type=type_, reason=reason, rule=f"trouble.{trouble}"), retry)


_OURS = (Code.ADMIN_FAILURE, Type.IGNORED, Reason.REFUSED, False)
_UNREACHABLE = (Code.SOFT_BOUNCE, Type.SOFT, Reason.UNREACHABLE, True)
_NO_SUCH_DOMAIN = (Code.DNS_FAILURE, Type.SOFT, Reason.INVALID_DOMAIN, False)
_NO_DNS = (Code.DNS_FAILURE, Type.SOFT, Reason.UNREACHABLE, True)
# It is the receiver's set-up or ours that is wrong, not the address: it must not count against anybody.
_GENERIC = (Code.GENERIC_BOUNCE, Type.IGNORED, Reason.UNREACHABLE)

VERDICTS: dict[Trouble, Verdict] = dict(
    (
        _verdict(Trouble.NO_DOMAIN, *_NO_SUCH_DOMAIN),
        _verdict(Trouble.NULL_MX, *_NO_SUCH_DOMAIN),
        _verdict(Trouble.NO_ADDRESS, *_NO_SUCH_DOMAIN),
        _verdict(Trouble.DNS_FAILURE, *_NO_DNS),
        _verdict(Trouble.DNS_TIMEOUT, *_NO_DNS),
        # An MX that points into private space is how some domains say that they take no mail; it is seldom mended.
        _verdict(Trouble.FORBIDDEN_ADDRESS, *_NO_SUCH_DOMAIN),
        _verdict(Trouble.UNREACHABLE, *_UNREACHABLE),
        _verdict(Trouble.TIMEOUT, *_UNREACHABLE),
        _verdict(Trouble.LOST, *_UNREACHABLE),
        _verdict(Trouble.GARBAGE, *_UNREACHABLE),
        _verdict(Trouble.TLS_FAILED, *_UNREACHABLE),
        _verdict(Trouble.TLS_MISSING, *_UNREACHABLE),
        # A relay that will not let us in is a matter of our settings; once they are mended, the message can go.
        _verdict(Trouble.AUTH_MISSING, Code.ADMIN_FAILURE, Type.IGNORED, Reason.REFUSED, True),
        _verdict(Trouble.TOO_LARGE, Code.TOO_LARGE, Type.IGNORED, Reason.REFUSED, False),
        # The address may be good; the server in front of it cannot carry it (RFC 6531 section 3.2) and says so each time.
        _verdict(Trouble.NEEDS_SMTPUTF8, *_GENERIC, False),
        _verdict(Trouble.ILLEGAL_MESSAGE, *_OURS),
        # Nothing was transmitted, and nothing was learnt of anybody.
        _verdict(Trouble.FENCED, *_GENERIC, True),
        _verdict(Trouble.STOPPED, *_GENERIC, True),
        _verdict(Trouble.SHUTDOWN, *_GENERIC, True),
    )
)

DOUBTFUL = Verdict(
    Qualification(code=Code.TRANSIENT_FAILURE, type=Type.IGNORED, reason=Reason.UNREACHABLE, rule="in_doubt"),
    retry=True,
)
"""The final dot may have left: nothing is known of the address; whether the message goes again is the job's `on_doubt`."""


def rejected() -> Qualification:
    """Of a job that cannot be read or cannot be sent as it is: our own policy, nobody's address."""
    return Qualification(code=Code.ADMIN_FAILURE, type=Type.IGNORED, reason=Reason.REFUSED, rule="rejected")


def expired(last: Reason | None) -> Qualification:
    """Of a job whose validity is over; `last` is the reason of its last attempt, None if there was none."""
    reason = Reason.UNREACHABLE if last is None else last
    return Qualification(code=Code.TIMEOUT, type=Type.IGNORED, reason=reason, rule="expired")


def in_doubt() -> Qualification:
    """Of a job that failed because nobody knows whether it was sent."""
    return DOUBTFUL.qualification
