"""The policy a session was held to, as a report names it (RFC 8460 section 4.4)."""

from dataclasses import dataclass
from enum import StrEnum

from mta.routing.route import NoRoute
from mta.routing.sts import Mode, StsPolicy, Unfetched
from mta.routing.tlsa import Promised, Tlsa, Unpromised


class Kind(StrEnum):
    """`policy-type`."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


class Result(StrEnum):
    """`result-type` (section 4.3). `dane-required` is not among them: no rule here demands DANE of a host without it."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A failure: its type, and the particulars in words."""

    result: Result
    text: str


@dataclass(frozen=True, slots=True)
class Applied:
    """`lines` are the policy's, or its TLSA records; `mx` its patterns. `flaw`: what is wrong with the policy itself."""

    kind: Kind
    lines: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    flaw: Flaw | None = None


NOTHING = Applied(Kind.NONE)


def applied(
    policy: StsPolicy | None, promised: Unpromised | Promised | NoRoute, missing: Unfetched | str | None = None
) -> Applied:
    """The policy that counts among those found; DANE goes before MTA-STS (RFC 8461 section 2).

    `missing`: why a policy that is announced could not be had, see `PolicyBook.missing`.
    """
    match promised:
        case NoRoute(_, text):
            return Applied(Kind.TLSA, flaw=Flaw(Result.DNSSEC_INVALID, text))
        case Promised(records):
            return Applied(Kind.TLSA, tuple(_record(record) for record in records))
    if policy is not None and policy.mode is not Mode.NONE:
        return Applied(Kind.STS, _lines(policy), policy.mx)
    match missing if policy is None else None:
        case Unfetched(text, untrusted):
            result = Result.STS_WEBPKI_INVALID if untrusted else Result.STS_POLICY_FETCH_ERROR
            return Applied(Kind.STS, flaw=Flaw(result, text))
        case str(text):
            return Applied(Kind.STS, flaw=Flaw(Result.STS_POLICY_INVALID, text))
    return NOTHING


def _record(record: Tlsa) -> str:
    return f"{record.usage} {record.selector} {record.matching} {record.octets.hex().upper()}"


def _lines(policy: StsPolicy) -> tuple[str, ...]:
    """The file as it was understood: its own blanks, order and unknown fields are not kept."""
    patterns = (f"mx: {pattern}" for pattern in policy.mx)
    return ("version: STSv1", f"mode: {policy.mode}", *patterns, f"max_age: {policy.max_age:.0f}")
