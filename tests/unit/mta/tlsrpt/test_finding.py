"""Which policy a session was held to, and what its attempt says about TLS."""

import pytest

from mta.attempt import Attempt, Broken, Delivered, Ending, Path, Phase, Refused, Tls, Trouble
from mta.reply import Reply
from mta.routing.route import NoRoute
from mta.routing.sts import Mode, StsPolicy, Unfetched
from mta.routing.tlsa import Promised, Tlsa, Unpromised
from mta.tlsrpt.applied import NOTHING, Applied, Flaw, Kind, Result, applied
from mta.tlsrpt.finding import Achieved, finding

STS = Applied(Kind.STS, ("version: STSv1",), ("mx.b.example",))
TLSA = Applied(Kind.TLSA, ("3 1 1 AB",))
POLICY = StsPolicy(Mode.ENFORCE, 86400.0, ("mx1.b.example", "*.c.example"))
DELIVERED = Delivered(Reply(250, "ok"))
MADE = Tls("TLSv1.3", "TLS_AES_128_GCM_SHA256", "mta-sts")


def attempt(
    ending: Ending, phase: Phase = Phase.BODY, *, tls: Tls | None = None, unmet: Broken | None = None, new: bool = True
) -> Attempt:
    path = Path(site="s", mx_host="mx.b.example", tls=tls, unmet=unmet)
    banner_time = 0.1 if new else None
    return Attempt(phase=phase, ending=ending, path=path, began_at=0.0, duration=1.0, banner_time=banner_time)


def failed(text: str, trouble: Trouble = Trouble.TLS_FAILED, phase: Phase = Phase.STARTTLS) -> Attempt:
    return attempt(Broken(trouble, text), phase, new=False)


def test_a_policy_is_named_with_its_lines_and_patterns() -> None:
    lines = ("version: STSv1", "mode: enforce", "mx: mx1.b.example", "mx: *.c.example", "max_age: 86400")
    assert applied(POLICY, Unpromised()) == Applied(Kind.STS, lines, ("mx1.b.example", "*.c.example"))


def test_dane_goes_before_mta_sts() -> None:
    promised = Promised((Tlsa(3, 1, 1, bytes.fromhex("1f85")), Tlsa(2, 0, 2, b"\xff")))
    assert applied(POLICY, promised) == Applied(Kind.TLSA, ("3 1 1 1F85", "2 0 2 FF"))


@pytest.mark.parametrize("policy", [None, StsPolicy(Mode.NONE, 1.0)])
def test_where_nothing_is_asked_no_policy_was_found(policy: StsPolicy | None) -> None:
    assert applied(policy, Unpromised()) == NOTHING


def test_a_policy_that_has_been_withdrawn_hides_an_old_fault() -> None:
    assert applied(StsPolicy(Mode.NONE, 1.0), Unpromised(), Unfetched("down")) == NOTHING


@pytest.mark.parametrize(
    ("missing", "result"),
    [
        (Unfetched("down"), Result.STS_POLICY_FETCH_ERROR),
        (Unfetched("down", untrusted=True), Result.STS_WEBPKI_INVALID),
        ("down", Result.STS_POLICY_INVALID),
    ],
)
def test_a_policy_that_cannot_be_had_is_a_failure_even_of_an_encrypted_session(
    missing: Unfetched | str, result: Result
) -> None:
    found = applied(None, Unpromised(), missing)
    assert found == Applied(Kind.STS, flaw=Flaw(result, "down"))
    assert finding(attempt(DELIVERED, tls=MADE), found) == Flaw(result, "down")


def test_records_that_cannot_be_looked_up_keep_the_mail_back_and_are_told() -> None:
    found = applied(None, NoRoute(Trouble.DNS_FAILURE, "no nameserver could answer"))
    flaw = Flaw(Result.DNSSEC_INVALID, "no nameserver could answer")
    assert found == Applied(Kind.TLSA, flaw=flaw)
    assert finding(failed("no nameserver could answer", Trouble.DNS_FAILURE, Phase.DNS), found) == flaw


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("TLS failed: Hostname mismatch, certificate is not valid for 'mx'.", Result.CERTIFICATE_HOST_MISMATCH),
        ("TLS failed: certificate has expired", Result.CERTIFICATE_EXPIRED),
        ("TLS failed: unable to get local issuer certificate", Result.CERTIFICATE_NOT_TRUSTED),
        ("TLS failed: self-signed certificate in certificate chain", Result.CERTIFICATE_NOT_TRUSTED),
        ("TLS failed: certificate is not yet valid", Result.CERTIFICATE_NOT_TRUSTED),
        ("TLS failed: [SSL: SSLV3_ALERT_CERTIFICATE_UNKNOWN] sslv3 alert", Result.VALIDATION_FAILURE),
        ("TLS failed: the connection was lost", Result.VALIDATION_FAILURE),
        ("TLS failed: no certificate of the server matches its TLSA records", Result.TLSA_INVALID),
        (
            "issuer.example is not among the hosts of the domain's MTA-STS policy",
            Result.VALIDATION_FAILURE,
        ),
        (
            "TLS failed: the server's certificates do not lead to the one its TLSA records name: validation failed: "
            "leaf certificate has no matching subjectAltName",
            Result.CERTIFICATE_HOST_MISMATCH,
        ),
    ],
)
def test_what_broke_tls_has_its_type(text: str, result: Result) -> None:
    assert finding(failed(text), STS) == Flaw(result, text)


@pytest.mark.parametrize(
    "ending",
    [Broken(Trouble.TLS_MISSING, "the server offers no STARTTLS"), Refused(Reply(454, "TLS not available"))],
)
def test_a_server_without_starttls_is_told_as_such(ending: Broken | Refused) -> None:
    found = finding(attempt(ending, Phase.STARTTLS, new=False), TLSA)
    assert isinstance(found, Flaw)
    assert found.result is Result.STARTTLS_NOT_SUPPORTED


def test_what_a_policy_in_testing_would_have_kept_back_is_a_failure_though_the_mail_passed() -> None:
    unmet = Broken(Trouble.TLS_FAILED, "certificate has expired")
    found = finding(attempt(DELIVERED, tls=Tls("TLSv1.3", "x", "none"), unmet=unmet), STS)
    assert found == Flaw(Result.CERTIFICATE_EXPIRED, "certificate has expired")


def test_a_session_in_clear_is_a_failure_though_nobody_insists_on_tls() -> None:
    assert finding(attempt(DELIVERED), NOTHING) == Flaw(Result.STARTTLS_NOT_SUPPORTED, "")


def test_a_refused_recipient_says_nothing_against_tls() -> None:
    refused = attempt(Refused(Reply(550, "no such user")), Phase.RCPT, tls=MADE)
    assert isinstance(finding(refused, STS), Achieved)


def test_the_second_mail_on_a_connection_is_no_session() -> None:
    assert finding(attempt(DELIVERED, tls=MADE, new=False), STS) is None


@pytest.mark.parametrize("phase", [Phase.CONNECT, Phase.BANNER, Phase.EHLO])
def test_a_host_that_was_not_reached_says_nothing_about_tls(phase: Phase) -> None:
    assert finding(failed("refused", Trouble.UNREACHABLE, phase), STS) is None
