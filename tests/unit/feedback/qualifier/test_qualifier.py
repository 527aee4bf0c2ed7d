"""The layers, and what moves a reply from one meaning to another."""

import pytest

from feedback.qualification import Qualification, Reason, Type
from feedback.qualifier import Qualifier, parse
from feedback.rules import built_in
from mta.attempt import Phase, Refused
from mta.reply import Reply

STOCK = Qualifier.stock()


def said(line: str, phase: Phase = Phase.RCPT, mx: str | None = None, qualifier: Qualifier = STOCK) -> Qualification:
    code, _, text = line.partition(" ")
    return qualifier.qualify(phase, Refused(Reply(int(code), text)), mx, "example.net").qualification


def operator(rule: str) -> Qualifier:
    return Qualifier(parse(built_in() | {"ours.toml": rule}))


def test_words_that_name_their_subject_go_before_the_number() -> None:
    assert said("550 5.7.1 User unknown").reason is Reason.USER_UNKNOWN
    assert said("550 5.1.1 Mailbox is full").reason is Reason.MAILBOX_FULL


def test_the_number_goes_before_words_that_name_nothing() -> None:
    assert said("550 5.1.1 Rejected").reason is Reason.USER_UNKNOWN
    assert said("550 Rejected").reason is Reason.REFUSED


@pytest.mark.parametrize(
    "words", ["bad reputation", "blocked using a list", "spam", "rate limit exceeded", "by policy"]
)
def test_a_bad_recipient_status_with_words_about_us_is_not_hard(words: str) -> None:
    assert said(f"550 5.1.1 Refused: {words}").type is not Type.HARD


def test_the_same_words_mean_the_sender_at_mail_and_the_recipient_at_rcpt() -> None:
    assert said("550 No such user", Phase.MAIL).reason is Reason.REFUSED
    assert said("550 No such user", Phase.RCPT).type is Type.HARD


def test_a_receivers_rule_holds_for_that_receiver_only() -> None:
    line = "550 Unknown user a@example.ne.jp"
    assert said(line, Phase.BODY, "mfsmax.docomo.ne.jp").type is Type.IGNORED
    assert said(line, Phase.BODY, "mx.example.com").type is Type.HARD


def test_hosts_are_compared_without_case_and_final_dot() -> None:
    assert said("550 Unknown user a@example.ne.jp", Phase.BODY, "MFSMAX.DoCoMo.ne.jp.").type is Type.IGNORED


def test_an_operators_rule_goes_first() -> None:
    ours = operator(
        '[[rule]]\nid = "ours"\nmeans = "system_trouble"\nevidence = "our own"\ndomain = ["*.net"]\n'
        'words = ["user unknown"]\nsamples = ["550 User unknown"]\n'
    )
    assert said("550 5.1.1 User unknown", qualifier=ours).rule == f"ours@{ours.pack.version}"
    assert said("550 5.1.1 User unknown", qualifier=ours).type is Type.IGNORED


def test_an_operators_rule_cannot_make_a_4yz_hard_nor_a_reply_at_mail() -> None:
    ours = operator(
        '[[rule]]\nid = "ours"\nmeans = "user_unknown"\nevidence = "x"\nwords = ["frob"]\nsamples = ["550 Frob"]\n'
    )
    assert said("550 Frob", qualifier=ours).type is Type.HARD
    assert said("450 Frob", qualifier=ours).type is Type.SOFT
    assert said("550 Frob", Phase.MAIL, qualifier=ours).type is Type.IGNORED


def test_the_class_of_the_basic_code_holds_where_the_enhanced_one_contradicts_it() -> None:
    assert said("550 4.1.1 no").type is Type.HARD
    assert said("450 5.1.1 no").type is Type.SOFT


def test_an_enhanced_code_counts_wherever_it_stands() -> None:
    assert said("550 sorry (#5.1.1)").reason is Reason.USER_UNKNOWN


def test_every_qualification_carries_rule_and_pack_version() -> None:
    assert said("550 5.1.1 User unknown").rule == f"user-unknown@{STOCK.pack.version}"
    assert said("550 mystery").rule == f"none@{STOCK.pack.version}"


def test_a_reply_nobody_knows_is_to_be_qualified() -> None:
    assert said("550 mystery").to_qualify
    assert said("450 mystery").to_qualify
    assert not said("550 User unknown").to_qualify


def test_local_trouble_that_is_final_is_not_held_against_the_address() -> None:
    assert said("451 4.3.0 Local error").type is Type.SOFT
    assert said("554 5.3.0 Local error").type is Type.IGNORED
