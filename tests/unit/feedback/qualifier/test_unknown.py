"""Counting what no rule knows."""

import pytest

from feedback.qualifier import Qualifier
from feedback.qualifier.unknown import MAX_KINDS, Decision, Ledger, counted, decided, key_of, listed, merged
from mta.attempt import Phase, Refused
from mta.reply import Reply

QUALIFIER = Qualifier.stock()


def heard(ledger: Ledger, code: int, text: str, now: float, site: str = "example") -> Ledger:
    reply = Reply(code, text)
    return counted(ledger, reply, Phase.RCPT, QUALIFIER.qualify(Phase.RCPT, Refused(reply), None, None), site, now)


def test_replies_that_differ_only_in_their_variable_parts_are_one_row() -> None:
    ledger = heard({}, 550, "Frobnicated <a@example.net> at 192.0.2.1 [id abc123def456]", 10.0)
    ledger = heard(ledger, 550, "frobnicated <b@example.org> at 192.0.2.77 [id 99fe0123aabb]", 20.0)
    [(key, unknown)] = listed(ledger)
    assert (unknown.count, unknown.first_at, unknown.last_at) == (2, 10.0, 20.0)
    assert key.canonical == "frobnicated <{address}> at {ip} [id {id}]"
    assert unknown.example == "550 Frobnicated <a@example.net> at 192.0.2.1 [id abc123def456]"


def test_a_reply_that_a_rule_knows_is_not_counted() -> None:
    assert heard({}, 550, "5.1.1 User unknown", 10.0) == {}


def test_the_most_frequent_comes_first() -> None:
    ledger = heard(heard(heard({}, 550, "Frob", 1.0), 550, "Blob", 2.0), 550, "Blob", 3.0)
    assert [key.canonical for key, _ in listed(ledger)] == ["blob", "frob"]


@pytest.mark.parametrize("decision", [Decision.KEEP, Decision.IGNORE])
def test_what_is_decided_is_not_listed_again_but_still_counted(decision: Decision) -> None:
    ledger = heard({}, 550, "Frob", 1.0)
    key = key_of(Reply(550, "Frob"), Phase.RCPT)
    ledger = heard(decided(ledger, key, decision), 550, "Frob", 2.0)
    assert listed(ledger) == []
    assert ledger[key].count == 2


def test_the_same_words_in_another_phase_are_another_kind() -> None:
    reply = Reply(550, "Frob")
    assert key_of(reply, Phase.RCPT) != key_of(reply, Phase.BODY)


def test_ledgers_of_several_workers_add_up_and_decisions_stay() -> None:
    one = decided(heard({}, 550, "Frob", 1.0), key_of(Reply(550, "Frob"), Phase.RCPT), Decision.KEEP)
    other = heard(heard({}, 550, "Frob", 5.0), 550, "Blob", 6.0)
    whole = merged([one, other])
    assert whole[key_of(Reply(550, "Frob"), Phase.RCPT)].count == 2
    assert [key.canonical for key, _ in listed(whole)] == ["blob"]


def test_a_server_that_says_something_new_each_time_cannot_fill_the_memory() -> None:
    ledger = heard(heard({}, 550, "Common", 0.0), 550, "Common", 0.0)
    for number in range(MAX_KINDS + 50):
        ledger = heard(ledger, 550, "Frob " + "".join(chr(97 + int(digit)) for digit in str(number)), float(number))
    assert len(ledger) == MAX_KINDS
    assert key_of(Reply(550, "Common"), Phase.RCPT) in ledger


def test_deciding_about_an_unheard_kind_is_an_error() -> None:
    with pytest.raises(KeyError):
        decided({}, key_of(Reply(550, "Frob"), Phase.RCPT), Decision.KEEP)
