"""The tracker's store, both adapters: what the campaign is told, in whatever order and however often."""

import asyncio
import random

import msgspec
import pytest

from feedback.event import Event, TimingPart
from feedback.store.postgres import Postgres
from feedback.tracker import Fate, Tracker
from feedback.tracker.figures import Figures, ReasonFigures
from feedback.tracker.postgres import PostgresTracker
from feedback.tracker.sqlite import SqliteTracker
from feedback.tracker.wait import Waits
from tests.unit.feedback.happenings import EXPIRED, FULL, HARD, IGNORED, NOW, SOFT, Job

DAY = 86400.0


def sums(figures: Figures) -> tuple[int, int, int, int, int, float]:
    f = figures
    assert f.accepted == f.sent + f.failed + f.cancelled + f.in_flight
    return f.accepted, f.sent, f.failed, f.cancelled, f.in_flight, f.success


def jobs(count: int, **facts: str) -> list[Job]:
    return [Job(f"spring.0.{n:05}", rcpt_to=f"r{n}@d{n % 3}.example", **facts) for n in range(count)]


async def test_the_worked_example_of_the_feedback_service(tracker: Tracker) -> None:
    wave = jobs(100)
    await tracker.apply([job.accepted() for job in wave])
    [report] = await tracker.report("spring")
    assert sums(report) == (100, 0, 0, 0, 100, 0.0)
    await tracker.apply([job.sent() for job in wave[:60]] + [job.failed(HARD) for job in wave[60:70]])
    await tracker.apply([job.delayed(SOFT) for job in wave[70:]])
    [report] = await tracker.report("spring")
    assert sums(report) == (100, 60, 10, 0, 30, 60.0)
    assert report.by_reason == {"user_unknown": ReasonFigures(10, 0), "unreachable": ReasonFigures(0, 30)}
    await tracker.apply([job.sent() for job in wave[70:90]])
    [report] = await tracker.report("spring")
    assert sums(report) == (100, 80, 10, 0, 10, 80.0)
    await tracker.apply([job.failed(EXPIRED) for job in wave[90:]])
    [report] = await tracker.report("spring")
    assert sums(report) == (100, 80, 20, 0, 0, 80.0)
    assert report.by_reason == {"user_unknown": ReasonFigures(10, 0), "unreachable": ReasonFigures(10, 0)}
    assert sum(domain.accepted for domain in report.by_domain.values()) == 100
    assert await tracker.report("autumn") == []


def history(rng: random.Random) -> list[Event]:
    """Everything that can befall a delivery's messages, in the order of its happening."""
    events: list[Event] = []
    for job in jobs(150):
        job.rcpt_to = f"Person{rng.randrange(40)}@D{rng.randrange(4)}.Example"
        job.delivery_id = rng.choice(["spring", "autumn"])
        job.test = rng.random() < 0.1
        job.at = NOW + rng.randrange(20) * DAY
        events.append(job.accepted())
        events += [job.delayed(rng.choice([SOFT, FULL, IGNORED]), job.at + DAY) for _ in range(rng.randrange(6))]
        ending = rng.randrange(5)
        events += (
            [took(job.sent(), rng.randrange(10 ** rng.randrange(1, 9)))]
            if ending in (0, 1)
            else [job.failed(rng.choice([HARD, EXPIRED]))]
            if ending == 2
            else []
        )
        events += [job.cancelled()] if ending == 3 else []
        events += [Job(job.job_id, job.delivery_id).rejected()] if rng.random() < 0.1 else []
    return events


async def everything(tracker: Tracker) -> object:
    names = await tracker.deliveries()
    return (
        names,
        await tracker.report(None),
        [await tracker.finals(name, "", 1000) for name in names],
        await tracker.quarantined("", 1000),
        [await tracker.find(fate.job_id) for name in names for fate in await tracker.finals(name, "", 1000)],
    )


async def test_repeats_and_disorder_end_in_the_same_state_as_order(tracker: Tracker) -> None:
    rng = random.Random(11)
    events = history(rng)
    shuffled = events + rng.sample(events, len(events) // 3)
    rng.shuffle(shuffled)
    while shuffled:
        size = rng.randrange(1, 60)
        await tracker.apply(shuffled[:size])
        shuffled = shuffled[size:]
    found = await everything(tracker)
    # The same once more, in order and in one go, changes nothing.
    await tracker.apply(events)
    assert await everything(tracker) == found
    # And what was counted along the way is what counting anew gives.
    await tracker.recount()
    assert await everything(tracker) == found


async def test_order_and_disorder_agree_between_stores(database_url: str) -> None:
    rng = random.Random(5)
    events = history(rng)
    in_order, in_disorder = SqliteTracker(":memory:"), PostgresTracker(Postgres(database_url))
    await in_order.open()
    await in_disorder.open()
    for event in events:
        await in_order.apply([event])
    rng.shuffle(events)
    await in_disorder.apply(events)
    found = await everything(in_disorder)
    assert await everything(in_order) == found
    assert len(await in_order.report(None)) == 2
    assert len(await in_order.quarantined("", 1000)) > 5
    await in_order.close()
    await in_disorder.close()


async def test_the_greatest_seq_holds(tracker: Tracker) -> None:
    job = Job("j")
    accepted, delayed, sent = job.accepted(), job.delayed(), job.sent()
    await tracker.apply([sent])
    await tracker.apply([delayed, accepted])
    assert await tracker.find("j") == sent
    [report] = await tracker.report("spring")
    assert sums(report) == (1, 1, 0, 0, 0, 100.0)
    assert report.by_reason == {}


async def test_smtp_tests_are_kept_but_counted_nowhere(tracker: Tracker) -> None:
    job = Job("t", test=True)
    await tracker.apply([job.accepted(), job.failed(HARD)])
    assert await tracker.report(None) == []
    assert await tracker.quarantine(job.rcpt_to) is None
    assert await tracker.finals("spring", "", 10) == [Fate("t", "failed", False)]


async def test_a_job_refused_at_the_door_stays_out_of_every_sum(tracker: Tracker) -> None:
    job = Job("j")
    await tracker.apply([job.rejected()])
    assert await tracker.report(None) == []
    assert await tracker.finals("spring", "", 10) == []
    # Not even when a job of that name was accepted as well.
    await tracker.apply([job.accepted(), job.rejected(), job.sent()])
    [report] = await tracker.report("spring")
    assert sums(report) == (1, 1, 0, 0, 0, 100.0)
    assert await tracker.finals("spring", "", 10) == [Fate("j", "sent", False)]


async def test_a_second_final_event_is_noticed_in_either_order(tracker: Tracker) -> None:
    for job_id, backwards in (("a", False), ("b", True)):
        job = Job(job_id)
        events = [job.accepted(), job.sent(), job.failed()]
        for event in reversed(events) if backwards else events:
            await tracker.apply([event])
    assert await tracker.finals("spring", "", 10) == [Fate("a", "failed", True), Fate("b", "failed", True)]


async def test_finals_come_page_by_page(tracker: Tracker) -> None:
    await tracker.apply([Job(name).accepted() for name in ("B", "a", "A-1", "_")])
    first = await tracker.finals("spring", "", 3)
    assert [fate.job_id for fate in first] == ["A-1", "B", "_"]
    assert await tracker.finals("spring", "_", 3) == [Fate("a", None, False)]


async def test_domains_are_told_apart_and_flagged(tracker: Tracker) -> None:
    good = [Job(f"g{n}", rcpt_to=f"r{n}@good.example") for n in range(100)]
    bad = [Job(f"b{n}", rcpt_to=f"r{n}@BAD.example") for n in range(50)]
    await tracker.apply([job.sent() for job in good[:98]] + [good[98].failed(HARD), good[99].accepted()])
    await tracker.apply([job.sent() for job in bad[:44]] + [job.delayed(SOFT) for job in bad[44:]])
    [report] = await tracker.report("spring")
    assert list(report.by_domain) == ["good.example", "bad.example"]
    of = report.by_domain["good.example"]
    assert (of.accepted, of.processed, of.delivered, of.hard, of.soft, of.flagged) == (100, 99, 98.98, 1.01, 0.0, False)
    of = report.by_domain["bad.example"]
    assert (of.processed, of.in_flight, of.delivered, of.hard, of.soft, of.flagged) == (50, 6, 88.0, 0.0, 12.0, True)


async def test_a_hard_error_puts_the_address_in_quarantine_at_once(tracker: Tracker) -> None:
    job = Job("j", rcpt_to="Anna@Example.NET")
    await tracker.apply([job.accepted(), job.failed(HARD, NOW + 5)])
    quarantine = await tracker.quarantine("aNNA@example.net")
    assert quarantine is not None
    assert (quarantine.address, quarantine.since, quarantine.until) == ("anna@example.net", NOW + 5, None)
    assert await tracker.quarantined("", 10) == [quarantine]
    assert await tracker.quarantined("anna@example.net", 10) == []


async def test_a_success_heard_late_undoes_a_quarantine_it_forestalled(tracker: Tracker) -> None:
    errors = [Job(f"e{n}", f"d{n}").delayed(SOFT, NOW + n * 2 * DAY) for n in range(5)]
    await tracker.apply(errors)
    assert await tracker.quarantine("anna@example.net") is not None
    await tracker.apply([Job("s").sent(NOW + 5 * DAY)])
    assert await tracker.quarantine("anna@example.net") is None


async def test_trackers_that_run_at_the_same_time_count_right(database_url: str) -> None:
    rng = random.Random(3)
    events = history(rng)
    trackers = [PostgresTracker(Postgres(database_url)) for _ in range(3)]
    await asyncio.gather(*(tracker.open() for tracker in trackers))
    await asyncio.gather(*(tracker.apply(rng.sample(events, 120)) for tracker in trackers for _ in range(8)))
    await asyncio.gather(*(tracker.apply(events) for tracker in trackers))
    found = await everything(trackers[0])
    await trackers[0].recount()
    assert await everything(trackers[0]) == found
    for tracker in trackers:
        await tracker.close()


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ({"seq": 2**40}, "out of range"),
        ({"seq": -1}, "out of range"),
        ({"at": "yesterday"}, "yesterday"),
        ({"at": "2027-01-01T00:00:00"}, "without a zone"),
    ],
)
async def test_an_event_that_makes_no_sense_is_refused_and_changes_nothing(
    tracker: Tracker, broken: dict[str, object], fault: str
) -> None:
    event = msgspec.structs.replace(Job("bad").accepted(), **broken)
    with pytest.raises(ValueError, match=fault):
        await tracker.apply([Job("good").accepted(), event])
    assert await tracker.report(None) == []


async def test_strange_text_is_kept_in_a_form_the_store_can_hold(tracker: Tracker) -> None:
    job = Job("j", delivery_id="nul\0☃", rcpt_to="ü\0@exämple.net")
    await tracker.apply([job.accepted(), job.failed(HARD)])
    [report] = await tracker.report("nul\0☃")
    assert report.failed == 1
    assert await tracker.quarantine("Ü\0@EXÄMPLE.net") is not None


async def test_how_long_messages_took_is_told_for_all_and_by_domain(tracker: Tracker) -> None:
    near = [Job(f"n{n}", rcpt_to=f"r{n}@near.example") for n in range(90)]
    far = [Job(f"f{n}", rcpt_to=f"r{n}@far.example") for n in range(10)]
    events = [took(job.sent(), 40) for job in near] + [took(job.sent(), 123_456) for job in far]
    await tracker.apply([*events, Job("open").accepted()])
    [report] = await tracker.report("spring")
    assert report.waits == Waits(40, 40, 125_000)
    assert report.by_domain["near.example"].waits == Waits(40, 40, 40)
    assert report.by_domain["far.example"].waits == Waits(125_000, 125_000, 125_000)
    assert report.by_domain["example.net"].waits is None
    await tracker.apply([far[0].failed(HARD)])
    await tracker.recount()
    assert await tracker.report("spring") == await tracker.report(None)


def took(event: Event, ms: int) -> Event:
    return msgspec.structs.replace(event, timing=TimingPart(ms, 10))
