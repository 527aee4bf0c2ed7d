"""What the rooms count for those who watch."""

from mta.attempt import Attempt, Broken, Delivered, Doubtful, Path, Phase, Refused, Trouble
from mta.reply import Reply
from worker.command.worker import environments
from worker.durations import Durations
from worker.metrics.attempts import Attempts

PATH = Path(site="big")


def attempt(phase: Phase, ending: Delivered | Refused | Broken | Doubtful, duration: float = 0.25) -> Attempt:
    return Attempt(phase=phase, ending=ending, path=PATH, began_at=1.0, duration=duration)


def test_a_duration_is_in_the_bucket_of_the_first_bound_that_it_does_not_exceed() -> None:
    durations = Durations((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 2.0):
        durations.note(seconds)
    assert durations.buckets == [("0.1", 2.0), ("1.0", 3.0), ("+Inf", 4.0)]
    assert durations.seconds == 2.65


def test_attempts_are_counted_by_phase_and_ending_and_passed_on() -> None:
    passed: list[tuple[Attempt, str, float]] = []
    attempts = Attempts(lambda *seen: passed.append(seen))
    made = [
        attempt(Phase.BODY, Delivered(Reply(250, "Ok"))),
        attempt(Phase.RCPT, Refused(Reply(550, "No"))),
        attempt(Phase.RCPT, Refused(Reply(450, "Later"))),
        attempt(Phase.CONNECT, Broken(Trouble.UNREACHABLE, "refused")),
        attempt(Phase.BODY, Doubtful("lost")),
    ]
    for each in made:
        attempts.watch(each, "b.example", 7.0)
    assert dict(attempts.ended) == {
        (Phase.BODY, "delivered"): 1,
        (Phase.RCPT, "permanent"): 1,
        (Phase.RCPT, "transient"): 1,
        (Phase.CONNECT, "broken"): 1,
        (Phase.BODY, "doubtful"): 1,
    }
    assert passed == [(each, "b.example", 7.0) for each in made]


def test_a_look_up_that_failed_has_no_duration() -> None:
    attempts = Attempts(lambda *seen: None)
    attempts.watch(attempt(Phase.DNS, Broken(Trouble.DNS_TIMEOUT, "slow"), 0.0), "b.example", 7.0)
    assert attempts.ended[Phase.DNS, "broken"] == 1
    assert attempts.durations.buckets[-1] == ("+Inf", 0.0)


def test_each_of_several_processes_listens_on_a_port_of_its_own() -> None:
    listens = [each["CAMPAIGN_MTA_METRICS__LISTEN"] for each in environments("[::1]:9117", 3)]
    assert listens == ["[::1]:9117", "[::1]:9118", "[::1]:9119"]
    assert environments("127.0.0.1:0", 2) == [{"CAMPAIGN_MTA_METRICS__LISTEN": "127.0.0.1:0"}] * 2
    assert environments(None, 2) == [{}, {}]
