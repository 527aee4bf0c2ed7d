"""What becomes of a job after an attempt."""

from feedback.qualification import Code, Qualification, Reason, Type, Verdict
from mta.attempt import Attempt, Broken, Doubtful, Ending, Path, Phase, Refused, Trouble
from mta.reply import Reply
from worker.disposition import Done, GiveUp, RetryAt, Terms, dispose, weigh_doubt

SOFT = Qualification(code=Code.TRANSIENT_FAILURE, type=Type.SOFT, reason=Reason.UNREACHABLE, rule="r")
TERMS = Terms("retry", False, retry_at=100.0, expires_at=1000.0)


def tried(ending: Ending) -> Attempt:
    return Attempt(phase=Phase.BODY, ending=ending, path=Path(site="s"), began_at=0.0, duration=0.1)


def cause(found: object) -> str:
    assert isinstance(found, GiveUp)
    return found.failure.cause


def test_what_is_worth_another_try_is_tried_again_when_it_is_due() -> None:
    attempt = tried(Refused(Reply(451, "later")))
    assert dispose(attempt, Verdict(SOFT, retry=True), TERMS) == RetryAt(100.0, attempt, SOFT)


def test_past_the_end_of_validity_there_is_no_next_try() -> None:
    terms = Terms("retry", False, retry_at=2000.0, expires_at=1000.0)
    found = dispose(tried(Refused(Reply(451, "later"))), Verdict(SOFT, retry=True), terms)
    assert isinstance(found, RetryAt)
    assert found.at == 1000.0


def test_what_is_not_worth_another_try_has_bounced() -> None:
    assert cause(dispose(tried(Refused(Reply(550, "no"))), Verdict(SOFT, retry=False), TERMS)) == "bounced"


def test_a_message_that_cannot_be_made_legal_is_rejected_by_us() -> None:
    ending = Broken(Trouble.ILLEGAL_MESSAGE, "no legal form")
    assert cause(dispose(tried(ending), Verdict(SOFT, retry=False), TERMS)) == "rejected"


def test_a_doubtful_message_follows_the_jobs_wish() -> None:
    attempt, verdict = tried(Doubtful("lost after the dot")), Verdict(SOFT, retry=True)
    assert isinstance(dispose(attempt, verdict, TERMS), RetryAt)
    assert dispose(attempt, verdict, Terms("assume_sent", False, 100.0, 1000.0)) == Done(attempt)
    assert cause(dispose(attempt, verdict, Terms("fail", False, 100.0, 1000.0))) == "in_doubt"


def test_a_doubtful_message_is_sent_again_at_most_once() -> None:
    spent = Terms("retry", True, retry_at=100.0, expires_at=1000.0)
    assert cause(dispose(tried(Doubtful("again")), Verdict(SOFT, retry=True), spent)) == "in_doubt"


def test_a_doubt_left_by_a_dead_worker_is_weighed_alike() -> None:
    assert weigh_doubt("retry", resent=False) is None
    assert cause(weigh_doubt("retry", resent=True)) == "in_doubt"
    assert cause(weigh_doubt("fail", resent=False)) == "in_doubt"
    assert weigh_doubt("assume_sent", resent=True) == Done(None)
