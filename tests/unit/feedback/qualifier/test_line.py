"""Reply lines as people have them."""

import pytest

from feedback.qualifier import Qualifier
from feedback.qualifier.line import hear, qualify_line
from mta.attempt import Phase
from mta.reply import Reply

QUALIFIER = Qualifier.stock()


def test_a_bare_reply_is_taken_as_given_at_rcpt() -> None:
    heard = hear("550 5.1.1 User unknown")
    assert (heard.reply, heard.phase, heard.mx_host) == (Reply(550, "5.1.1 User unknown"), Phase.RCPT, None)


def test_what_postfix_logs_gives_host_phase_and_reply() -> None:
    heard = hear("host mx.example.net[192.0.2.1] said: 554 5.7.1 No (in reply to end of DATA command)")
    assert (heard.reply.code, heard.phase, heard.mx_host) == (554, Phase.BODY, "mx.example.net")


def test_what_exim_logs_gives_host_phase_and_reply() -> None:
    heard = hear(
        "SMTP error from remote mail server after MAIL FROM:<a@example.org>: host mx.example.net [192.0.2.1]: 550 No"
    )
    assert (heard.reply, heard.phase, heard.mx_host) == (Reply(550, "No"), Phase.MAIL, "mx.example.net")


def test_what_the_caller_knows_goes_before_what_the_line_says() -> None:
    heard = hear("host a.example[192.0.2.1] said: 550 No (in reply to RCPT TO command)", Phase.BODY, "b.example")
    assert (heard.phase, heard.mx_host) == (Phase.BODY, "b.example")


@pytest.mark.parametrize(
    ("line", "transient"),
    [("User unknown", False), ("delivery is delayed", True), ("4.2.2 over quota", True), ("5.2.2 over quota", False)],
)
def test_a_line_without_a_code_is_final_unless_it_says_otherwise(line: str, transient: bool) -> None:
    assert hear(line).reply.transient is transient


def test_the_answer_has_the_contracts_keys() -> None:
    answer = qualify_line(
        QUALIFIER, {"reply": "550 5.1.1 User unknown", "phase": "rcpt", "mx": "mx.example", "domain": "d"}
    )
    assert answer == {
        "code": 10,
        "name": "invalid_recipient",
        "type": "hard",
        "reason": 1,
        "reason_name": "user_unknown",
        "rule": f"user-unknown@{QUALIFIER.pack.version}",
        "to_qualify": False,
        "retry": False,
    }


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"reply": ""}, "reply: missing"),
        ({}, "reply: missing"),
        ({"reply": "550 x", "phase": "lunch"}, "phase: 'lunch' is none of dns, connect"),
        ({"reply": "250 ok"}, "reply: a 2yz is not a refusal"),
    ],
)
def test_what_cannot_be_answered_is_named(asked: dict[str, str | None], fault: str) -> None:
    with pytest.raises(ValueError, match=fault.split(":")[0]) as caught:
        qualify_line(QUALIFIER, asked)
    assert str(caught.value).startswith(fault)
