"""What TLS came to between real ends, as a report tells it."""

from dataclasses import dataclass

import pytest

from mta.attempt import Delivered
from mta.tlsrpt.applied import Kind, Result
from tests.integration.tls.cases import ELSEWHERE, ENFORCE, TESTING, leaf
from tests.integration.tls.world import DOMAIN, Setting, world


@dataclass(frozen=True, slots=True)
class Told:
    """What the report says of the only session; `result` None: it was a success."""

    kind: Kind
    result: Result | None = None
    delivered: bool = True


@pytest.mark.parametrize(
    ("tls", "setting", "told"),
    [
        ("mta-sts", Setting(file=ENFORCE), Told(Kind.STS)),
        ("mta-sts", Setting(file=ENFORCE, smtp="expired"), Told(Kind.STS, Result.CERTIFICATE_EXPIRED, False)),
        ("mta-sts", Setting(file=ENFORCE, smtp=None), Told(Kind.STS, Result.STARTTLS_NOT_SUPPORTED, False)),
        ("mta-sts", Setting(file=TESTING, smtp="expired"), Told(Kind.STS, Result.CERTIFICATE_EXPIRED)),
        ("mta-sts", Setting(file=TESTING, smtp=None), Told(Kind.STS, Result.STARTTLS_NOT_SUPPORTED)),
        (
            "mta-sts",
            Setting(file=ELSEWHERE),
            Told(Kind.STS, Result.VALIDATION_FAILURE, False),
        ),
        ("mta-sts", Setting(file=ENFORCE, web=None), Told(Kind.STS, Result.STS_POLICY_FETCH_ERROR)),
        ("mta-sts", Setting(file=ENFORCE, web="expired"), Told(Kind.STS, Result.STS_WEBPKI_INVALID)),
        ("mta-sts", Setting(file="version: STSv1"), Told(Kind.STS, Result.STS_POLICY_INVALID)),
        ("mta-sts", Setting(), Told(Kind.NONE)),
        ("mta-sts", Setting(smtp=None), Told(Kind.NONE, Result.STARTTLS_NOT_SUPPORTED)),
        ("dane", Setting(tlsa=leaf("3 1 1")), Told(Kind.TLSA)),
        ("dane", Setting(tlsa=leaf("3 1 1", "expired")), Told(Kind.TLSA, Result.TLSA_INVALID, False)),
        ("dane", Setting(tlsa=leaf("3 1 1"), smtp=None), Told(Kind.TLSA, Result.STARTTLS_NOT_SUPPORTED, False)),
    ],
)
async def test_a_session_is_told_as_what_it_was(tls: str, setting: Setting, told: Told) -> None:
    async with world(setting) as here:
        attempt = await here.send(tls)
        here.ledger.count(attempt, DOMAIN, 0.0)
        [tally] = here.ledger.finished(86_400.0)
    [(applied, count)] = tally.policies.items()
    assert applied.kind is told.kind
    assert [detail.result for detail in count.failures] == ([told.result] if told.result else [])
    assert count.successes + sum(count.failures.values()) == 1
    assert isinstance(attempt.ending, Delivered) is told.delivered


async def test_two_mails_on_one_connection_are_one_session() -> None:
    async with world(Setting(file=ENFORCE)) as here:
        for _ in range(2):
            here.ledger.count(await here.send("mta-sts"), DOMAIN, 0.0)
        [tally] = here.ledger.finished(86_400.0)
    assert [count.successes for count in tally.policies.values()] == [1]


@pytest.mark.parametrize("tls", ["none", "opportunistic", "required"])
async def test_where_no_policy_was_looked_for_nothing_is_told(tls: str) -> None:
    async with world(Setting(file=ENFORCE)) as here:
        here.ledger.count(await here.send(tls), DOMAIN, 0.0)
        assert here.ledger.finished(86_400.0) == []
