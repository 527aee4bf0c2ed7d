"""Views: what is made of rows, and what is left out."""

import tomllib
from dataclasses import replace
from math import inf

import msgspec
import pytest
from msgspec import structs

from feedback.event import encode
from feedback.log import Face
from feedback.log.row import Row, write_face
from feedback.log.story import Hold, KeptAttempt, with_hold
from feedback.qualification import Code, Qualification, Reason, Type
from feedback.qualifier import Qualifier, parse
from feedback.qualifier.unknown import Key, Unknown
from feedback.rules import built_in
from feedback.tracker.figures import Cell, figures
from feedback.tracker.message import Bounce, message
from mta.attempt import Phase, Refused
from mta.reply import Reply
from mta.traffic.dial import Dial
from mta.traffic.memory import encode as encode_account
from mta.traffic.pace import Pace
from mta.traffic.rule import Rule
from mta.traffic.shares import Account, Lease
from mta.traffic.tally import Tally
from tests.unit.feedback.happenings import FULL, NOW, Job
from worker.console.records import Crew, Kept, LaneChange, Reach, Standings
from worker.console.views import delivery, lane, order, unknown, worker
from worker.console.views.course import Course
from worker.console.views.message import Heard, story
from worker.orders.order import Limits, Override, Suspension

CELLS = {
    Cell("spring", "a.example", "sent", -1, ""): 80,
    Cell("spring", "a.example", "failed", 1, "hard"): 5,
    Cell("spring", "a.example", "accepted", -1, ""): 10,
    Cell("spring", "b.example", "delayed", 5, "soft"): 5,
}


def page(*reaches: Reach, went: Course | None = None) -> delivery.DeliveryPage:
    [of] = figures(CELLS)
    return delivery.page(delivery.Told(of, CELLS, went or Course(NOW - 100, NOW - 5, 2.0), reaches, 100.0, None), NOW)


def test_a_delivery_under_way_has_a_forecast_from_its_rate() -> None:
    row = page().row
    assert (row.accepted, row.sent, row.failed, row.in_flight) == (100, 80, 5, 15)
    assert (row.success, row.settled, row.state) == (80.0, 85.0, "under way")
    assert row.finish == NOW + 7.5


def test_the_sums_of_a_list_are_those_of_the_page() -> None:
    standings = [Standings("spring", cell.standing, messages) for cell, messages in CELLS.items()]
    [of] = delivery.sums(standings)
    assert delivery.row(of, Course(NOW - 100, NOW - 5, 2.0), NOW) == page().row


def test_what_is_in_flight_is_told_apart_by_whether_it_was_tried() -> None:
    assert (page().not_tried, page().to_be_retried) == (10, 5)


def test_errors_are_broken_down_across_domains_and_reasons() -> None:
    assert page().across == delivery.Across(
        ("user_unknown", "mailbox_full"), (("a.example", (5, 0)), ("b.example", (0, 5)))
    )
    assert [(one.reason, one.failed, one.in_flight, one.share) for one in page().reasons] == [
        ("mailbox_full", 0, 5, 5.0),
        ("user_unknown", 5, 0, 5.0),
    ]


def test_domains_of_one_site_are_one_row_with_a_forecast_of_its_own() -> None:
    example = encode(Job("j").sent())
    rows = page(Reach("a.example", 50, example), Reach("b.example", 0, None)).sites
    assert rows is not None
    [row] = rows
    assert (row.site, row.domains) == (None, 2)
    assert (row.accepted, row.sent, row.failed, row.cancelled, row.in_flight) == (100, 80, 5, 0, 15)
    assert (row.rate, row.finish) == (0.5, NOW + 30)


def test_sites_that_are_still_being_counted_are_not_shown_as_none() -> None:
    [of] = figures(CELLS)
    assert delivery.page(delivery.Told(of, CELLS, Course(), None, 100.0, None), NOW).sites is None
    assert page().sites == ()


def test_a_delivery_in_flight_is_listed_before_one_that_is_over() -> None:
    row = page().row
    done = replace(row, delivery_id="old", state="done", began=NOW)
    assert [one.delivery_id for one in delivery.listed([done, row])] == ["spring", "old"]


def job_row(job: Job, **changes: object) -> Row:
    face = Face(
        job_id=job.job_id,
        delivery_id=job.delivery_id,
        wave=0,
        tenant="default",
        rcpt_to=job.rcpt_to,
        context={},
        test=False,
        expires_at=None,
    )
    row = Row(
        job_id=job.job_id,
        face=write_face(face),
        accepted_at=NOW,
        expires_at=NOW + 9000,
        attempt=1,
        seq=1,
        doubtful=False,
        resent=False,
        undecided=False,
        announced=True,
        intent=False,
        parked=True,
        retry_at=None,
        final=None,
        owner=None,
        event=None,
    )
    return structs.replace(row, **changes)  # type: ignore[arg-type]


def test_a_story_tells_what_happened_in_order_and_what_comes_next() -> None:
    job = Job("j1")
    job.accepted()
    first, second = job.delayed(FULL, NOW + 10), job.delayed(FULL, NOW + 400)
    bounces = [
        Bounce(job.rcpt_to, one.event_id, at, "soft", 5, "spring")
        for one, at in ((first, NOW + 10), (second, NOW + 400))
    ]
    told = story(Heard(message(second), job_row(job, event=encode(second)), None, bounces), NOW + 500)
    assert [(moment.at, moment.what, moment.ahead) for moment in told.moments] == [
        (NOW, "Taken from the queue", False),
        (NOW + 10, "soft error", False),
        (NOW + 400, "To be tried again", False),
        (NOW + 9000, "End of its validity", True),
    ]
    assert told.next == "It waits in the queue for its contact date or its turn."
    assert (told.job_id, told.delivery_id, told.address) == ("j1", "spring", "anna@example.net")


def test_a_story_has_each_wait_and_each_attempt_with_what_was_said() -> None:
    job = Job("j1")
    job.accepted()
    delayed = job.delayed(FULL, NOW + 100)
    tried = KeptAttempt(attempt=1, began_at=NOW + 99, event="delayed", ms=300, rule="big", dialogue=["S 452 full"])
    limited = Hold(since=NOW + 5, until=NOW + 65, why="rule big: 2 connections", rule="big", reply="421 busy")
    ordered = Hold(since=NOW + 200, until=NOW + 800, why="big is suspended by ann", attempts=1)
    row = job_row(job, event=encode(delayed), holds=with_hold(with_hold(None, limited), ordered), retry_at=NOW + 150)
    told = story(Heard(None, row, None, attempts=[msgspec.json.encode(tried)]), NOW + 300)
    assert [(moment.at, moment.what, moment.ahead) for moment in told.moments] == [
        (NOW, "Taken from the queue", False),
        (NOW + 5, "Held for 1\u202fmin", False),
        (NOW + 99, "Attempt 1: to be tried again", False),
        (NOW + 200, "Held for 10\u202fmin", False),
        (NOW + 800, "Looked at again", True),
        (NOW + 9000, "End of its validity", True),
    ]
    assert told.moments[1].detail == "rule big: 2 connections; the site had said: 421 busy"
    assert told.moments[2].dialogue == ("S 452 full",)
    assert ("traffic rule", "big") in [(fact.name, fact.value) for fact in told.moments[2].facts]
    assert told.next == ("It is held, looked at again in 8\u202fmin 20\u202fs: big is suspended by ann")


def test_a_wait_that_an_attempt_followed_is_past() -> None:
    job = Job("j1")
    job.accepted()
    holds = with_hold(None, Hold(since=NOW + 5, until=NOW + 65, why="its turn"))
    row = job_row(job, event=encode(job.delayed(FULL, NOW + 10)), holds=holds)
    assert not [
        moment for moment in story(Heard(None, row, None), NOW + 20).moments if moment.what == "Looked at again"
    ]


def test_a_story_says_who_has_the_message_in_hand() -> None:
    job = Job("j1")
    told = story(Heard(None, job_row(job, owner="x", intent=True), "mta-1"), NOW)
    assert told.next == "Worker mta-1 has it in hand: its final dot is on the way."
    assert ("tracker", "has not heard of it yet") in [(fact.name, fact.value) for fact in told.facts]


def test_a_story_is_told_of_a_message_that_the_log_has_forgotten() -> None:
    job = Job("j1")
    job.accepted()
    told = story(Heard(message(job.sent()), None, None), NOW + 9000)
    assert (told.standing, told.next) == ("sent", "Nothing more: this is final.")
    assert told.moments[-1].tone == "good"


def account(**pace: object) -> Account:
    made = Pace(rate=Dial(value=40.0, wall=46.0), window=Dial(value=12.0))
    return Account(replace(made, **pace), Tally(taken=10, blocked=2, why="550 no"), {"w": Lease(3, 10.0, NOW + 5, 9)})  # type: ignore[arg-type]


RULE = Rule(name="big", connections=20, rate=100.0)


def lanes(orders: list[Suspension | Override], **pace: object) -> lane.LaneRow:
    kept = [Kept("default/192.0.2.1>big.example", encode_account(account(since=NOW, **pace)), NOW - 1)]
    [site] = lane.sites(kept, orders, lambda _: RULE, NOW)
    return site.lanes[0]


def test_a_lane_shows_its_rate_beside_what_was_learnt_and_the_ceiling() -> None:
    row = lanes([])
    assert (row.rate, row.learnt_rate, row.ceiling_rate) == (40.0, 46.0, 100.0)
    assert (row.connections, row.learnt_connections, row.ceiling_connections) == (12, None, 20)
    assert (row.state, row.workers, row.held_connections) == ("open", 1, 3)
    assert (row.signals, row.last_reply) == (("2 blocked",), "550 no")


def test_an_order_goes_before_what_the_site_said() -> None:
    suspension = Suspension(target="big.example", pool=None, since=NOW, until=None, by="dana@::1", why="asked")
    row = lanes([suspension], closed_until=NOW + 60, closed_by="blocked")
    assert (row.state, row.because, row.until) == ("suspended", "by dana@::1: asked", None)
    assert lanes([], closed_until=NOW + 60, closed_by="blocked").state == "closed"
    assert lanes([], trial=True, closed_by="blocked").state == "on trial"


def test_overridden_limits_are_shown_as_they_are_in_force() -> None:
    override = Override(
        target="*big*", pool="default", limits=Limits(connections=2, rate=1.0), since=NOW, until=NOW + 9, by="d"
    )
    row = lanes([override])
    assert (row.fixed, row.connections, row.rate, row.per_connection) == (True, 2, 1.0, 100)
    [told] = order.orders([override])
    assert told.limits == "2 connections, 1/s"


def test_what_is_in_a_messages_way_is_said_with_its_end() -> None:
    kept = [
        Kept(
            "default/192.0.2.1>big.example",
            encode_account(account(since=NOW, closed_until=NOW + 60, closed_by="blocked")),
            NOW,
        )
    ]
    sites = lane.sites(kept, [], lambda _: RULE, NOW)
    suspension = Suspension(target="*.example", pool="default", since=NOW, until=None, by="dana@::1", why="asked")
    way = lane.Way("big.example", "a.example", ["default", "other"])
    assert lane.hindrances(way, [suspension], sites, NOW) == [
        "*.example is suspended until it is resumed, by dana@::1: asked",
        "lane default/192.0.2.1>big.example is closed until 08:01:00: the site is blocked",
    ]
    assert lane.hindrances(lane.Way("other.example", "b.example", ["other"]), [suspension], sites, NOW) == []
    closure = LaneChange(NOW, "default/192.0.2.1>big.example", "open", 1, 0, "blocked: 554 You are listed", NOW + 60)
    older = replace(closure, why="unreachable: timed out")
    told = lane.hindrances(replace(way, closures=[closure, older]), [], sites, NOW)
    assert told == [
        "lane default/192.0.2.1>big.example is closed until 08:01:00: the site is blocked (554 You are listed)",
    ]
    by_domain = Suspension(target="a.example", pool=None, since=NOW, until=NOW + 60, by="d")
    assert lane.hindrances(lane.Way(None, "a.example", ["default"]), [by_domain], sites, NOW) == [
        "a.example is suspended until 08:01:00, by d"
    ]


def test_a_lane_that_cannot_be_read_is_left_out() -> None:
    assert lane.sites([Kept("nonsense", "{}", NOW), Kept("p/any>s", "{", NOW)], [], lambda _: RULE, NOW) == []
    assert lane.lane_of("p/2001:db8::1>s").source.address == "2001:db8::1"  # type: ignore[union-attr]


def test_changes_are_told_in_words() -> None:
    rows = lane.changes(
        [
            LaneChange.of((NOW, "l", "open", 1.0, 0.0, "blocked", NOW + 9)),
            LaneChange.of((NOW, "l", "rate", inf, 0.5, "slow", None)),
        ]
    )
    assert [(one.what, one.was, one.becomes, one.slower) for one in rows] == [
        ("lane", "open", "closed", True),
        ("rate", "no limit", "30/min", True),
    ]


@pytest.mark.parametrize(("left", "state"), [(9.0, "beating"), (3.0, "late"), (0.0, "lost")])
def test_a_workers_state_follows_from_its_last_beat(left: float, state: str) -> None:
    crew = Crew(name="w", alive_until=NOW + left, lease=10.0, steady_since=NOW - 50, jobs=3, committed=1)
    [row] = worker.workers([crew], NOW)
    assert (row.state, row.silent, row.steady) == (state, 10 - left, 50)


KEY = Key(550, "rcpt", 'our oracle is asleep, ask {address} about "ticket" {id}')
KIND = Unknown(
    count=3,
    first_at=1,
    last_at=2,
    site="s.example",
    example='550 Our oracle\\ is asleep, ask a@b.example about "ticket" 12345',
)


def test_a_hint_is_a_rule_that_knows_the_reply_once_its_meaning_is_said() -> None:
    text = unknown.hint(KEY, KIND)
    assert tomllib.loads(text)["rule"][0]["samples"] == [KIND.example]
    qualifier = Qualifier(parse({**built_in(), "hint.toml": text.replace('"?"', '"user_unknown"')}))
    reply = Refused(Reply(550, KIND.example.removeprefix("550 ").replace("12345", "777")))
    verdict = qualifier.qualify(Phase.RCPT, reply, "mx.s.example", "s.example")
    assert verdict.qualification.rule.partition("@")[0] == tomllib.loads(text)["rule"][0]["id"]
    assert "user_unknown" in unknown.meanings()


def test_a_kind_that_a_rule_knows_by_now_is_not_listed() -> None:
    guess = Qualification(code=Code.SOFT_BOUNCE, type=Type.SOFT, reason=Reason.REFUSED, rule="by-code", to_qualify=True)
    [row] = unknown.waiting({KEY: KIND}, lambda *_: guess)
    assert (row.count, row.taken_for) == (3, "soft bounce; reason refused; for the address soft")
    assert unknown.waiting({KEY: KIND}, lambda *_: structs.replace(guess, to_qualify=False)) == []
