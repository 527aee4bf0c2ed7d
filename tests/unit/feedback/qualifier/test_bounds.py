"""What no rule, and no reply, can make the qualifier say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.qualification import Code, Reason, Type
from feedback.qualifier import Qualifier, expired, in_doubt, parse, rejected
from feedback.qualifier.meaning import MEANINGS
from mta.attempt import Broken, Delivered, Doubtful, Phase, Refused, Trouble
from mta.reply import Reply, clean

QUALIFIER = Qualifier.stock()
BEFORE_RCPT = [Phase.BANNER, Phase.EHLO, Phase.STARTTLS, Phase.AUTH, Phase.MAIL]
WORDS = sorted({
    word for rule in QUALIFIER.pack.rules for sample in rule.samples for word in sample.reply.split()[1:]
})  # fmt: skip
texts = st.one_of(st.lists(st.sampled_from(WORDS), max_size=16).map(" ".join), st.text(max_size=200))
phases = st.sampled_from([*BEFORE_RCPT, Phase.RCPT, Phase.DATA, Phase.BODY])


@given(code=st.integers(400, 499), text=texts, phase=phases)
@settings(max_examples=400, deadline=None)
def test_no_4yz_is_ever_hard_nor_final(code: int, text: str, phase: Phase) -> None:
    verdict = QUALIFIER.qualify(phase, Refused(Reply(code, clean(text))), None, None)
    assert verdict.qualification.type is not Type.HARD
    assert verdict.retry


@given(code=st.integers(500, 599), text=texts, phase=st.sampled_from(BEFORE_RCPT))
@settings(max_examples=400, deadline=None)
def test_a_5yz_before_rcpt_is_never_about_the_address(code: int, text: str, phase: Phase) -> None:
    verdict = QUALIFIER.qualify(phase, Refused(Reply(code, clean(text))), None, None)
    assert verdict.qualification.type is not Type.HARD
    assert verdict.qualification.reason not in (Reason.USER_UNKNOWN, Reason.ACCOUNT_DISABLED, Reason.MAILBOX_FULL)


@given(code=st.integers(500, 599), text=st.text("bdfgkpqvwxyz ", max_size=120), phase=phases)
@settings(max_examples=400, deadline=None)
def test_an_unknown_5yz_is_never_hard(code: int, text: str, phase: Phase) -> None:
    if code == 525:
        return  # the number alone says that the account is disabled (RFC 5248)
    verdict = QUALIFIER.qualify(phase, Refused(Reply(code, clean(text))), None, None)
    assert verdict.qualification.type is not Type.HARD


@given(code=st.integers(500, 599), text=texts, phase=phases)
@settings(max_examples=400, deadline=None)
def test_what_no_rule_knows_or_is_sure_of_is_never_hard(code: int, text: str, phase: Phase) -> None:
    found = QUALIFIER.qualify(phase, Refused(Reply(code, clean(text))), None, None).qualification
    assert found.type is not Type.HARD or not (found.rule.startswith("none@") or found.to_qualify)


def any_reply(means: str) -> Qualifier:
    """An operator's rule for whatever has a certain word."""
    return Qualifier(
        parse(
            {
                "ours.toml": f"""
[[rule]]
id = "ours"
means = "{means}"
evidence = "none"
words = ["frobnicated"]
samples = ["550 Frobnicated"]
"""
            }
        )
    )


@pytest.mark.parametrize("means", MEANINGS)
@pytest.mark.parametrize("code", [421, 450, 451, 452, 499])
def test_no_rule_can_make_a_4yz_hard_or_final(means: str, code: int) -> None:
    for phase in Phase:
        verdict = any_reply(means).qualify(phase, Refused(Reply(code, "Frobnicated")), None, None)
        assert verdict.qualification.rule.startswith("ours@")
        assert (verdict.qualification.type is Type.HARD, verdict.retry) == (False, True)


@pytest.mark.parametrize("means", MEANINGS)
@pytest.mark.parametrize("phase", BEFORE_RCPT)
def test_no_rule_can_make_a_reply_before_rcpt_one_about_the_address(means: str, phase: Phase) -> None:
    found = any_reply(means).qualify(phase, Refused(Reply(550, "Frobnicated")), None, None).qualification
    assert found.rule.startswith("ours@")
    assert found.type is not Type.HARD
    assert found.reason not in (Reason.USER_UNKNOWN, Reason.ACCOUNT_DISABLED, Reason.MAILBOX_FULL)


@given(code=st.integers(400, 599), text=texts, phase=phases)
@settings(max_examples=300, deadline=None)
def test_the_same_reply_means_the_same_twice(code: int, text: str, phase: Phase) -> None:
    reply = Refused(Reply(code, clean(text)))
    assert QUALIFIER.qualify(phase, reply, None, None) == QUALIFIER.qualify(phase, reply, None, None)


@pytest.mark.parametrize("trouble", Trouble)
def test_no_trouble_without_a_reply_is_ever_hard(trouble: Trouble) -> None:
    verdict = QUALIFIER.qualify(Phase.CONNECT, Broken(trouble, "what happened"), None, "example.net")
    assert verdict.qualification.type is not Type.HARD
    assert not verdict.qualification.to_qualify


@pytest.mark.parametrize(
    ("trouble", "code", "reason", "retry"),
    [
        (Trouble.NO_DOMAIN, 21, 2, False),
        (Trouble.NULL_MX, 21, 2, False),
        (Trouble.NO_ADDRESS, 21, 2, False),
        (Trouble.DNS_FAILURE, 21, 3, True),
        (Trouble.DNS_TIMEOUT, 21, 3, True),
        (Trouble.UNREACHABLE, 20, 3, True),
        (Trouble.TIMEOUT, 20, 3, True),
        (Trouble.LOST, 20, 3, True),
        (Trouble.GARBAGE, 20, 3, True),
        (Trouble.TLS_FAILED, 20, 3, True),
        (Trouble.TLS_MISSING, 20, 3, True),
        (Trouble.TOO_LARGE, 23, 20, False),
        (Trouble.ILLEGAL_MESSAGE, 25, 20, False),
    ],
)
def test_trouble_has_the_code_of_the_domain_table(trouble: Trouble, code: int, reason: int, retry: bool) -> None:
    verdict = QUALIFIER.qualify(Phase.RCPT, Broken(trouble, ""), None, None)
    assert (verdict.qualification.code, verdict.qualification.reason, verdict.retry) == (code, reason, retry)


def test_a_doubtful_ending_says_nothing_of_the_address() -> None:
    verdict = QUALIFIER.qualify(Phase.BODY, Doubtful("closed after the dot"), None, None)
    assert (verdict.qualification.code, verdict.qualification.type) == (Code.TRANSIENT_FAILURE, Type.IGNORED)


def test_a_delivered_message_is_not_asked_about() -> None:
    with pytest.raises(ValueError, match="delivered"):
        QUALIFIER.qualify(Phase.BODY, Delivered(Reply(250, "ok")), None, None)


def test_what_no_reply_caused_has_its_own_codes() -> None:
    assert (rejected().code, rejected().reason, rejected().type) == (25, 20, "ignored")
    assert (expired(None).code, expired(None).reason, expired(None).type) == (24, 3, "ignored")
    assert expired(Reason.MAILBOX_FULL).reason is Reason.MAILBOX_FULL
    assert in_doubt().code == 70
