"""What an attempt says about TLS: a session that came to what was asked, one that did not, or nothing."""

from mta.attempt import Attempt, Broken, Phase, Refused, Trouble
from mta.tlsrpt.applied import Applied, Flaw, Kind, Result


class Achieved:
    """The session is what the policy asks for."""


Finding = Achieved | Flaw

_WORDS = (
    ("mta-sts policy", Result.VALIDATION_FAILURE),  # the host is none of the policy's, whatever it is called
    ("hostname mismatch", Result.CERTIFICATE_HOST_MISMATCH),
    ("ip address mismatch", Result.CERTIFICATE_HOST_MISMATCH),
    ("subjectaltname", Result.CERTIFICATE_HOST_MISMATCH),
    ("has expired", Result.CERTIFICATE_EXPIRED),
    ("validation time", Result.CERTIFICATE_EXPIRED),
    ("[ssl", Result.VALIDATION_FAILURE),  # an alert, or no common version: not about the certificate as we see it
    ("tlsa", Result.TLSA_INVALID),
    ("issuer", Result.CERTIFICATE_NOT_TRUSTED),
    ("self-signed", Result.CERTIFICATE_NOT_TRUSTED),
    ("self signed", Result.CERTIFICATE_NOT_TRUSTED),
    ("certificate", Result.CERTIFICATE_NOT_TRUSTED),
)
"""Words of OpenSSL, of `cryptography` and of `mta.smtp.dane`; the first that is found decides."""


def finding(attempt: Attempt, applied: Applied) -> Finding | None:
    """None: the attempt opened no connection that came as far as TLS, or used one that was counted already."""
    flaw = _unsecured(attempt)
    if flaw is not None:
        return flaw
    if _barred(attempt, applied):
        return applied.flaw
    if attempt.banner_time is None:
        return None
    if attempt.path.unmet is not None:
        return _flaw(attempt.path.unmet)
    if attempt.path.tls is None:
        return Flaw(Result.STARTTLS_NOT_SUPPORTED, "")
    return applied.flaw or Achieved()


def _unsecured(attempt: Attempt) -> Flaw | None:
    """Why no mail could pass for want of TLS."""
    match attempt.ending:
        case Broken(Trouble.TLS_FAILED | Trouble.TLS_MISSING) as ending:
            return _flaw(ending)
        case Refused(reply) if attempt.phase is Phase.STARTTLS:
            return Flaw(Result.STARTTLS_NOT_SUPPORTED, reply.line)
        case _:
            return None


def _barred(attempt: Attempt, applied: Applied) -> bool:
    """Whether the host was not even called because its TLSA records could not be had (RFC 7672 section 2.1.2)."""
    return applied.kind is Kind.TLSA and applied.flaw is not None and attempt.phase is Phase.DNS


def _flaw(ending: Broken) -> Flaw:
    if ending.trouble is Trouble.TLS_MISSING:
        return Flaw(Result.STARTTLS_NOT_SUPPORTED, ending.text)
    said = ending.text.lower()
    result = next((result for words, result in _WORDS if words in said), Result.VALIDATION_FAILURE)
    return Flaw(result, ending.text)
