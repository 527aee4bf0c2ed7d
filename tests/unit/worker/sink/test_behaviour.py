"""What a recipient's address makes the sink answer."""

import pytest

from worker.command.verbs.sink import BEHAVIOUR
from worker.sink.behaviour import ACCEPT, Answer, Ask, Moment, by_recipient, wording


def ask(local: str, moment: Moment = Moment.RCPT, *, refusals: int = 0, since: float = 0.0, now: float = 0.0) -> Answer:
    return by_recipient(
        Ask(
            moment=moment,
            connection=1,
            connections=1,
            now=now,
            sender="news@example.org",
            rcpt=f"{local}@example.net",
            refusals=refusals,
            since=since,
        )
    )


def line(answer: Answer) -> str | None:
    return answer.reply.line if answer.reply else None


@pytest.mark.parametrize(
    "local", ["user", "user+", "user+newsletter", "user+250", "user+4500", "user+450-later", "450", "user+slow"]
)
def test_an_address_that_asks_for_nothing_is_accepted_at_every_moment(local: str) -> None:
    assert all(ask(local, moment).accepts for moment in Moment)


@pytest.mark.parametrize(
    ("local", "said"),
    [
        ("user+450", "450 4.2.1 Mailbox temporarily unavailable, try again later"),
        ("user+550", "550 5.1.1 User unknown"),
        ("USER+452", "452 4.2.2 Mailbox full"),
        ("user+550-5.7.1", "550 5.7.1 Message refused by local policy"),
        (
            "user+421-4.7.28",
            "421 4.7.28 Our system has detected an unusual rate of unsolicited mail from your address, try again later",
        ),
        ("user+599", "599 5.0.0 Permanent failure"),
        ("user+499-4.9.9", "499 4.9.9 Temporary failure"),
        ("user+news+554", "554 5.7.1 Service unavailable; client host blocked by a blocklist"),
    ],
)
def test_a_code_in_the_address_is_said_at_rcpt_and_nowhere_else(local: str, said: str) -> None:
    assert line(ask(local)) == said
    assert line(ask(local, refusals=1000)) == said
    assert ask(local, Moment.MAIL).accepts
    assert ask(local, Moment.DOT).accepts


def test_a_421_closes_the_connection_and_a_450_does_not() -> None:
    assert ask("user+421").close
    assert not ask("user+450").close


@pytest.mark.parametrize(
    ("tag", "times"), [("421-once", 1), ("450-twice", 2), ("550-5.2.1-5times", 5), ("drop-3times", 3)]
)
def test_a_counted_refusal_is_given_so_often_and_then_accepted(tag: str, times: int) -> None:
    answers = [ask(f"user+{tag}", refusals=already).accepts for already in range(times + 2)]
    assert answers == [False] * times + [True, True]


def test_a_dot_code_is_said_after_the_dot_only() -> None:
    assert ask("user+dot-552").accepts
    assert line(ask("user+dot-552", Moment.DOT)) == "552 5.2.2 Mailbox full, quota exceeded"


def test_a_drop_says_nothing_and_closes_at_its_moment() -> None:
    assert ask("user+drop") == Answer(reply=None, close=True)
    assert ask("user+drop-dot").accepts
    assert ask("user+drop-dot", Moment.DOT) == Answer(reply=None, close=True)
    assert ask("user+drop-taken", Moment.DOT) == Answer(reply=None, close=True, keep=True)


def test_greylisting_counts_down_from_the_first_attempt_and_then_accepts() -> None:
    assert line(ask("user+greylist")) == "451 4.7.1 Greylisted, please try again in 60 seconds"
    assert line(ask("user+greylist-10s", refusals=2, since=100.0, now=107.5)) == (
        "451 4.7.1 Greylisted, please try again in 3 seconds"
    )
    assert ask("user+greylist-10s", refusals=2, since=100.0, now=110.0).accepts


def test_slow_delays_the_reply_at_its_moment_and_goes_together_with_others() -> None:
    assert ask("user+slow-1.5s") == Answer(reply=ACCEPT.reply, delay=1.5)
    assert ask("user+slow-1.5s", Moment.DOT).delay == 0
    assert ask("user+dot-slow-2s", Moment.DOT).delay == 2
    both = ask("user+slow-3s+550")
    assert (both.delay, line(both)) == (3, "550 5.1.1 User unknown")


def test_wording_gives_an_enhanced_code_of_the_wrong_class_as_it_was_asked_for() -> None:
    assert wording("550", "4.2.2").line == "550 4.2.2 Permanent failure"


def test_every_example_in_the_help_does_something() -> None:
    examples = [
        word.strip("(),.:;") for word in BEHAVIOUR.split() if word.startswith(("user+", "(user+")) and "-X" not in word
    ]
    asked = [word.replace("CODE", "450").replace("[", "").replace("]", "").replace("Ns", "5s") for word in examples]
    assert len(asked) >= 12
    accepted = Answer(reply=ACCEPT.reply)
    assert [word for word in asked if ask(word) == ask(word, Moment.DOT) == accepted] == []
