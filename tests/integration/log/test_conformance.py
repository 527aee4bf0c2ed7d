"""Every promise of the `DeliveryLog` seam, against both adapters and the model."""

import pytest
from msgspec.structs import replace

from feedback.log import (
    MAX_VALIDITY,
    Another,
    DeliveryLog,
    Elsewhere,
    Fresh,
    InDoubt,
    Settled,
    Taken,
    Tally,
    Waiting,
)
from tests.integration.log.stores import NOW, Store, delayed, face, sent, ticket

DAY = 86400.0


async def test_an_empty_batch_is_no_trouble(log: DeliveryLog) -> None:
    assert await log.claim([], NOW) == []
    assert await log.intend([]) == set()
    assert await log.record([]) == set()
    await log.release([])
    await log.forsake([])
    await log.parked([])
    await log.published([])


async def test_a_job_never_seen_is_fresh(log: DeliveryLog) -> None:
    job = face(expires_at=NOW + 60)
    [claim] = await log.claim([ticket(job)], NOW)
    assert isinstance(claim, Fresh)
    state = claim.state
    assert (state.face, state.accepted_at, state.expires_at) == (job, NOW, NOW + 60)
    assert (state.attempt, state.seq, state.doubtful, state.resent, state.last_event) == (0, 0, False, False, None)
    await log.release([(job.job_id, 0, None)])
    assert await log.claim([ticket(job)], NOW + 1) == [Taken(replace(state, told=True))]


@pytest.mark.parametrize("wish", [None, NOW + 30 * DAY])
async def test_validity_ends_84_hours_after_acceptance_whatever_the_job_says(
    log: DeliveryLog, wish: float | None
) -> None:
    [claim] = await log.claim([ticket(face(expires_at=wish))], NOW)
    assert isinstance(claim, Fresh)
    assert claim.state.expires_at == NOW + MAX_VALIDITY == NOW + 84 * 3600


async def test_the_first_publication_wins_whatever_later_ones_contain(log: DeliveryLog) -> None:
    first = face(rcpt_to="first@example.net", expires_at=NOW + 50)
    await log.claim([ticket(first)], NOW)
    await log.release([(first.job_id, 0, None)])
    [claim] = await log.claim([ticket(face(first.job_id, rcpt_to="second@example.net"))], NOW + 1)
    assert isinstance(claim, Taken)
    assert (claim.state.face, claim.state.accepted_at) == (first, NOW)


async def test_a_later_publication_with_other_contents_is_told_apart_and_leaves_the_first_claimable(
    log: DeliveryLog,
) -> None:
    first = face(digest="first")
    await log.claim([ticket(first)], NOW)
    await log.release([(first.job_id, 0, None)])
    later, again = face(first.job_id, digest="later"), face(first.job_id, digest="first")
    assert await log.claim([ticket(later)], NOW + 1) == [Another()]
    [claim] = await log.claim([ticket(again)], NOW + 1)
    assert isinstance(claim, Taken)


async def test_a_job_in_hand_is_elsewhere_to_its_own_worker_too(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    [claim] = await log.claim([ticket(job)], NOW)
    assert isinstance(claim, Elsewhere)
    assert claim.lease > 0


async def test_a_job_twice_in_a_batch_is_claimed_once(log: DeliveryLog) -> None:
    job, other = face(), face()
    claims = await log.claim([ticket(job), ticket(other), ticket(job)], NOW)
    assert [type(claim) for claim in claims] == [Fresh, Fresh, Elsewhere]
    await log.release([(job.job_id, 0, None)])
    claims = await log.claim([ticket(job), ticket(job)], NOW)
    assert [type(claim) for claim in claims] == [Taken, Elsewhere]


async def test_answers_come_in_the_order_asked(log: DeliveryLog) -> None:
    old = face("zz-old")
    await log.claim([ticket(old)], NOW)
    await log.record([sent(old)])
    jobs = [face("m"), old, face("b"), face("x")]
    claims = await log.claim([ticket(job) for job in jobs], NOW)
    assert [type(claim) for claim in claims] == [Fresh, Settled, Fresh, Fresh]
    assert [claim.state.face.job_id for claim in claims if not isinstance(claim, Elsewhere)] == [
        "m",
        "zz-old",
        "b",
        "x",
    ]


async def test_a_released_job_is_taken_again_with_its_attempts_kept(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.release([(job.job_id, 1, None)])
    [claim] = await log.claim([ticket(job)], NOW)
    assert isinstance(claim, Taken)
    assert (claim.state.attempt, claim.state.seq) == (1, 0)


async def test_a_forsaken_job_is_to_be_had_as_it_stands_by_whoever_claims_it(log: DeliveryLog) -> None:
    before, behind = face(), face()
    await log.claim([ticket(before), ticket(behind)], NOW)
    await log.intend([(behind.job_id, 1)])
    await log.forsake([before.job_id, behind.job_id])
    first, second = await log.claim([ticket(before), ticket(behind)], NOW)
    assert isinstance(first, Fresh)
    assert isinstance(second, InDoubt)
    assert (second.state.attempt, second.state.doubtful) == (1, True)


async def test_a_released_intent_is_no_doubt(store: Store) -> None:
    doomed = await store.doomed_worker()
    job = face()
    await doomed.claim([ticket(job)], NOW)
    await doomed.intend([(job.job_id, 1)])
    await doomed.release([(job.job_id, 1, None)])
    await store.die(doomed)
    [claim] = await (await store.worker()).claim([ticket(job)], NOW)
    assert isinstance(claim, Taken)
    assert not claim.state.doubtful


async def test_a_settled_job_says_how_for_ever(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    assert await log.intend([(job.job_id, 1)]) == {job.job_id}
    outcome = sent(job)
    assert await log.record([outcome]) == {job.job_id}
    for generation in (0, 1):
        [claim] = await log.claim([ticket(job, generation)], NOW + 9 * DAY)
        assert isinstance(claim, Settled)
        assert (claim.state.last_event, claim.state.seq, claim.state.attempt) == (outcome.event, 1, 1)


async def test_a_delayed_job_waits_for_its_ticket_and_its_time(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.record([delayed(job, NOW + 300)])
    [early] = await log.claim([ticket(job, generation=1)], NOW + 299)
    assert isinstance(early, Waiting)
    assert (early.retry_at, early.state.seq, early.parked) == (NOW + 300, 1, False)
    [due] = await log.claim([ticket(job, generation=1)], NOW + 300)
    assert isinstance(due, Taken)
    assert (due.state.attempt, due.state.seq) == (1, 1)


async def test_an_old_ticket_repeats_the_parking_until_it_is_known_to_have_happened(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    outcome = delayed(job, NOW + 300)
    await log.record([outcome])
    [claim] = await log.claim([ticket(job)], NOW + 900)  # even when the retry is due: its event may not be out
    assert isinstance(claim, Waiting)
    assert (claim.parked, claim.state.last_event) == (False, outcome.event)
    await log.parked([(job.job_id, 1)])
    [claim] = await log.claim([ticket(job)], NOW + 900)
    assert isinstance(claim, Waiting)
    assert claim.parked


async def test_the_current_ticket_is_never_the_one_to_drop(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.record([delayed(job, NOW + 300)])
    await log.parked([(job.job_id, 1)])
    [claim] = await log.claim([ticket(job, generation=1)], NOW + 10)
    assert isinstance(claim, Waiting)
    assert not claim.parked


async def test_a_late_word_of_an_older_ticket_parks_nothing(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.record([delayed(job, NOW)])
    await log.claim([ticket(job, generation=1)], NOW)
    await log.record([delayed(job, NOW + 600, seq=2, attempt=2)])
    await log.parked([(job.job_id, 1)])
    [claim] = await log.claim([ticket(job)], NOW)
    assert isinstance(claim, Waiting)
    assert not claim.parked


async def test_a_dead_worker_without_intent_is_simply_succeeded(store: Store) -> None:
    doomed = await store.doomed_worker()
    new, retried = face(), face()
    await doomed.claim([ticket(new), ticket(retried)], NOW)
    await doomed.record([delayed(retried, NOW)])
    await doomed.claim([ticket(retried, generation=1)], NOW)
    await store.die(doomed)
    claims = await (await store.worker()).claim([ticket(new), ticket(retried, generation=1)], NOW)
    # The dead worker may not have published `accepted`, so it is due once more.
    assert [type(claim) for claim in claims] == [Fresh, Taken]


async def test_signing_off_frees_the_claims_at_once(store: Store) -> None:
    first = await store.worker()
    job = face()
    await first.claim([ticket(job)], NOW)
    await first.close()
    [claim] = await (await store.worker()).claim([ticket(job)], NOW)
    assert isinstance(claim, Fresh)


async def test_an_intent_without_outcome_is_a_doubt(store: Store) -> None:
    doomed = await store.doomed_worker()
    job = face()
    await doomed.claim([ticket(job)], NOW)
    await doomed.intend([(job.job_id, 1)])
    await store.die(doomed)
    [claim] = await (await store.worker()).claim([ticket(job)], NOW)
    assert isinstance(claim, InDoubt)
    assert (claim.state.attempt, claim.state.doubtful, claim.state.resent) == (1, True, False)


async def test_a_doubt_that_nobody_decided_stays_one(store: Store) -> None:
    doomed, second = await store.doomed_worker(), None
    job = face()
    await doomed.claim([ticket(job)], NOW)
    await doomed.intend([(job.job_id, 1)])
    await store.die(doomed)
    second = await store.doomed_worker()
    await second.claim([ticket(job)], NOW)
    await store.die(second)
    third = await store.worker()
    [claim] = await third.claim([ticket(job)], NOW)
    assert isinstance(claim, InDoubt)
    assert claim.state.doubtful


async def test_the_one_repeat_of_a_doubtful_message_is_spent_by_its_intent(store: Store) -> None:
    doomed = await store.doomed_worker()
    job = face()
    await doomed.claim([ticket(job)], NOW)
    await doomed.intend([(job.job_id, 1)])
    await store.die(doomed)
    second = await store.doomed_worker()
    await second.claim([ticket(job)], NOW)
    assert await second.intend([(job.job_id, 2)]) == {job.job_id}
    await store.die(second)
    [claim] = await (await store.worker()).claim([ticket(job)], NOW)
    assert isinstance(claim, InDoubt)
    assert (claim.state.attempt, claim.state.doubtful, claim.state.resent) == (2, True, True)


async def test_a_recorded_doubt_stays_through_later_outcomes(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.intend([(job.job_id, 1)])
    await log.record([delayed(job, NOW, doubtful=True)])
    [claim] = await log.claim([ticket(job, generation=1)], NOW)
    assert isinstance(claim, Taken)
    assert (claim.state.doubtful, claim.state.resent) == (True, False)
    await log.intend([(job.job_id, 2)])
    await log.record([sent(job, seq=2, attempt=2)])
    [claim] = await log.claim([ticket(job, generation=1)], NOW)
    assert isinstance(claim, Settled)
    assert (claim.state.doubtful, claim.state.resent) == (True, True)


async def test_after_a_takeover_the_old_worker_may_neither_send_nor_record(store: Store) -> None:
    zombie = await store.doomed_worker()
    lost, kept = face(), face()
    await zombie.claim([ticket(lost), ticket(kept)], NOW)
    await store.die(zombie)
    heir = await store.worker()
    [claim] = await heir.claim([ticket(lost)], NOW)
    assert isinstance(claim, Fresh)
    assert await zombie.intend([(lost.job_id, 1), (kept.job_id, 1)]) == {kept.job_id}
    assert await zombie.record([sent(lost), sent(kept)]) == {kept.job_id}
    await zombie.release([(lost.job_id, 5, None)])
    assert await heir.intend([(lost.job_id, 1)]) == {lost.job_id}


async def test_an_outcome_recorded_twice_is_one_outcome(log: DeliveryLog) -> None:
    job = face()
    await log.claim([ticket(job)], NOW)
    outcome = delayed(job, NOW + 60)
    assert await log.record([outcome]) == {job.job_id}
    assert await log.record([outcome]) == {job.job_id}  # the answer to the first may have been lost
    assert await log.record([sent(job, seq=2)]) == set()
    [claim] = await log.claim([ticket(job)], NOW)
    assert isinstance(claim, Waiting)
    assert claim.state.seq == 1


async def test_a_job_nobody_knows_is_nobodys(log: DeliveryLog) -> None:
    unknown = face()
    assert await log.intend([(unknown.job_id, 1)]) == set()
    assert await log.record([sent(unknown)]) == set()
    assert isinstance((await log.claim([ticket(unknown)], NOW))[0], Fresh)


async def test_what_is_expired_and_in_nobodys_hands_falls_due(log: DeliveryLog) -> None:
    waiting, in_hand, later = (
        face(expires_at=NOW + 100),
        face(expires_at=NOW + 100),
        face(expires_at=NOW + 101),
    )
    done = face(expires_at=NOW + 100)
    await log.claim([ticket(job) for job in (waiting, in_hand, later, done)], NOW)
    last = delayed(waiting, NOW + 5000)
    await log.record([last, sent(done)])
    await log.release([(later.job_id, 0, None)])
    assert await log.due(NOW + 99, 10) == []
    [state] = await log.due(NOW + 100, 10)
    assert (state.face, state.last_event, state.seq) == (waiting, last.event, 1)
    assert await log.due(NOW + 100, 10) == []  # it is ours now
    assert isinstance((await log.claim([ticket(waiting, 1)], NOW + 6000))[0], Elsewhere)


async def test_due_takes_the_earliest_first_and_no_more_than_asked(log: DeliveryLog) -> None:
    jobs = [face(expires_at=NOW + 10 - n) for n in range(5)]
    await log.claim([ticket(job) for job in jobs], NOW)
    await log.release([(job.job_id, 0, None) for job in jobs])
    first = await log.due(NOW + 20, 2)
    assert [state.face for state in first] == [jobs[4], jobs[3]]
    assert {state.face.job_id for state in await log.due(NOW + 20, 10)} == {job.job_id for job in jobs[:3]}


async def test_what_a_dead_worker_left_falls_due_doubtful_if_it_had_an_intent(store: Store) -> None:
    doomed = await store.doomed_worker()
    plain, intended = face(expires_at=NOW + 1), face(expires_at=NOW + 2)
    await doomed.claim([ticket(plain), ticket(intended)], NOW)
    await doomed.intend([(intended.job_id, 1)])
    await store.die(doomed)
    states = await (await store.worker()).due(NOW + 60, 10)
    assert [(state.face, state.doubtful) for state in states] == [(plain, False), (intended, True)]


async def test_final_events_settled_without_a_ticket_outlive_their_worker(store: Store) -> None:
    doomed = await store.doomed_worker()
    jobs = [face(expires_at=NOW + 1) for _ in range(3)]
    by_ticket = face()
    await doomed.claim([ticket(job) for job in [*jobs, by_ticket]], NOW)
    await doomed.release([(job.job_id, 0, None) for job in jobs])
    await doomed.due(NOW + 2, 10)
    outcomes = [sent(job, attempt=0, final="failed") for job in jobs]
    await doomed.record([*outcomes, sent(by_ticket)])
    await doomed.published([jobs[0].job_id])
    await store.die(doomed)
    heir = await store.worker()
    assert set(await heir.unpublished(10)) == {outcome.event for outcome in outcomes[1:]}
    assert len(await heir.unpublished(1)) == 1
    await heir.published([job.job_id for job in jobs])
    assert await heir.unpublished(10) == []


async def test_what_a_living_worker_is_about_to_publish_is_left_to_it(store: Store) -> None:
    log = await store.worker()
    job = face(expires_at=NOW + 1)
    await log.claim([ticket(job)], NOW)
    await log.release([(job.job_id, 0, None)])
    await log.due(NOW + 2, 10)
    outcome = sent(job, attempt=0, final="failed")
    await log.record([outcome])
    assert await log.unpublished(10) == []
    await log.close()
    assert await (await store.worker()).unpublished(10) == [outcome.event]


async def test_a_due_job_handed_back_is_settled_by_its_ticket_again(store: Store) -> None:
    log = await store.worker()
    job = face(expires_at=NOW + 1)
    await log.claim([ticket(job)], NOW)
    await log.release([(job.job_id, 0, None)])
    await log.due(NOW + 2, 10)
    await log.release([(job.job_id, 0, None)])
    [claim] = await log.claim([ticket(job)], NOW + 3)
    assert isinstance(claim, Taken)
    await log.record([sent(job, final="failed")])
    await log.close()
    assert await (await store.worker()).unpublished(10) == []


async def test_forgetting_drops_settled_jobs_only(store: Store) -> None:
    log = await store.worker()
    settled, open_job, unpublished = face(), face(), face(expires_at=NOW + 1)
    await log.claim([ticket(job) for job in (settled, open_job, unpublished)], NOW)
    await log.release([(unpublished.job_id, 0, None)])
    await log.due(NOW + 2, 10)
    await log.record([sent(settled), sent(unpublished, final="failed")])
    assert await log.forget(0.0, 10) == 0
    assert await log.forget(1e11, 10) == 1
    claims = await log.claim([ticket(job) for job in (settled, open_job, unpublished)], NOW)
    assert list(map(type, claims)) == [Fresh, Elsewhere, Settled]


async def test_forgetting_goes_by_the_batch(log: DeliveryLog) -> None:
    jobs = [face() for _ in range(5)]
    await log.claim([ticket(job) for job in jobs], NOW)
    await log.record([sent(job) for job in jobs])
    assert [await log.forget(1e11, 2) for _ in range(4)] == [2, 2, 1, 0]


async def test_the_tally_adds_up_by_delivery_without_smtp_tests(log: DeliveryLog) -> None:
    spring = [face() for _ in range(5)]
    autumn = [face(delivery_id="autumn"), face(delivery_id="autumn", test=True)]
    await log.claim([ticket(job) for job in spring + autumn], NOW)
    await log.record(
        [
            sent(spring[0]),
            sent(spring[1]),
            sent(spring[2], final="failed"),
            sent(spring[3], final="cancelled"),
            delayed(spring[4], NOW + 60),
            sent(autumn[1]),
        ]
    )
    assert await log.tally("spring") == [Tally("spring", 5, 2, 1, 1, 1)]
    assert await log.tally(None) == [Tally("autumn", 1, 0, 0, 0, 1), Tally("spring", 5, 2, 1, 1, 1)]
    assert await log.tally("winter") == []


async def test_finals_come_page_by_page_in_order_of_their_bytes(log: DeliveryLog) -> None:
    names = ["B", "a", "A-1", "A.1", "_", "Z:9"]
    jobs = [face(name) for name in names]
    await log.claim([ticket(job) for job in jobs] + [ticket(face("C", delivery_id="other"))], NOW)
    await log.record([sent(jobs[0]), sent(jobs[1], final="failed"), delayed(jobs[2], NOW)])
    fates: dict[str, str | None] = dict.fromkeys(names) | {"B": "sent", "a": "failed"}
    in_order = [(name, fates[name]) for name in sorted(names)]
    pages, after = [], ""
    while page := await log.finals("spring", after, 4):
        pages.append(page)
        after = page[-1][0]
    assert [len(page) for page in pages] == [4, 2]
    assert [row for page in pages for row in page] == in_order


@pytest.mark.parametrize("name", ["nul\0nul", "lone \ud800", "naïve ☃ 𝄞", "quote ' \" \\"])
async def test_strange_text_comes_back_or_is_made_storable(log: DeliveryLog, name: str) -> None:
    job = face(delivery_id=name, tenant=name, rcpt_to=f"{name}@example.net", context={name[:3]: name}, wave=10**30)
    await log.claim([ticket(job)], NOW)
    await log.release([(job.job_id, 0, None)])
    [claim] = await log.claim([ticket(job)], NOW)
    assert isinstance(claim, Taken)
    state = claim.state
    if "\ud800" not in name:
        assert state.face == job
    [tally] = await log.tally(name)
    assert tally.accepted == 1
    assert await log.finals(name, "", 5) == [(job.job_id, None)]


async def test_what_was_written_is_there_after_closing_and_opening(store: Store) -> None:
    log = await store.worker()
    job = face()
    await log.claim([ticket(job)], NOW)
    await log.record([delayed(job, NOW + 60)])
    await log.close()
    await log.open()
    [claim] = await log.claim([ticket(job, 1)], NOW + 60)
    assert isinstance(claim, Taken)


async def test_the_unsettled_jobs_of_a_delivery_are_had_whatever_their_tickets_wait_for(log: DeliveryLog) -> None:
    waiting, held, in_hand, done = (face(delivery_id="off") for _ in range(4))
    elsewhere = face(delivery_id="on")
    await log.claim([ticket(job) for job in (waiting, held, in_hand, done, elsewhere)], NOW)
    await log.record([delayed(waiting, NOW + 5000), sent(done)])
    await log.release([(held.job_id, 0, None), (elsewhere.job_id, 0, None)])
    states = await log.unsettled(["off", "never heard of"], 10)
    assert {state.face.job_id: state.seq for state in states} == {waiting.job_id: 1, held.job_id: 0}
    assert await log.unsettled(["off"], 10) == []  # they are ours now
    assert await log.unsettled([], 10) == []
    assert isinstance((await log.claim([ticket(waiting, 1)], NOW + 6000))[0], Elsewhere)


async def test_no_more_unsettled_jobs_are_taken_than_asked_for(log: DeliveryLog) -> None:
    jobs = [face(delivery_id="off") for _ in range(5)]
    await log.claim([ticket(job) for job in jobs], NOW)
    await log.release([(job.job_id, 0, None) for job in jobs])
    first, rest = await log.unsettled(["off"], 3), await log.unsettled(["off"], 10)
    assert (len(first), len(rest)) == (3, 2)
    assert {state.face.job_id for state in [*first, *rest]} == {job.job_id for job in jobs}


async def test_a_job_cancelled_without_its_ticket_is_published_by_somebody_and_its_ticket_finds_it_settled(
    store: Store,
) -> None:
    doomed = await store.doomed_worker()
    intended = face(delivery_id="off")
    await doomed.claim([ticket(intended)], NOW)
    await doomed.intend([(intended.job_id, 1)])
    await store.die(doomed)
    log = await store.worker()
    [state] = await log.unsettled(["off"], 10)
    assert (state.doubtful, state.attempt) == (True, 1)
    outcome = sent(intended, final="cancelled")
    assert await log.record([outcome]) == {intended.job_id}
    await log.close()
    heir = await store.worker()
    assert await heir.unpublished(10) == [outcome.event]
    [claim] = await heir.claim([ticket(intended)], NOW)
    assert isinstance(claim, Settled)
    assert claim.state.doubtful


async def test_a_job_handed_back_keeps_its_holds_until_it_is_handed_back_with_others(log: DeliveryLog) -> None:
    job, other = face(), face()
    await log.claim([ticket(job), ticket(other)], NOW)
    await log.release([(job.job_id, 0, b"[1]"), (other.job_id, 0, None)])
    claims = await log.claim([ticket(job), ticket(other)], NOW)
    assert [claim.state.holds for claim in claims if isinstance(claim, Taken)] == [b"[1]", None]
    await log.release([(job.job_id, 0, None), (other.job_id, 0, b"[2]")])
    claims = await log.claim([ticket(job), ticket(other)], NOW)
    assert [claim.state.holds for claim in claims if isinstance(claim, Taken)] == [b"[1]", b"[2]"]


async def test_attempts_are_kept_in_order_each_once_and_only_by_the_jobs_owner(store: Store) -> None:
    log, job = await store.worker(), face()
    await log.claim([ticket(job)], NOW)
    first = replace(delayed(job, NOW + 1), story=b"first")
    await log.record([first])
    await log.record([first])  # its answer was lost
    await log.record([replace(delayed(job, NOW + 1, seq=2, attempt=2), story=b"a stranger's")])
    await log.claim([ticket(job, 1)], NOW + 2)
    await log.record([replace(sent(job, seq=2, attempt=2), story=b"second")])
    assert await store.attempts(job.job_id) == [b"first", b"second"]
    assert await store.attempts("unheard-of") == []


async def test_attempts_are_forgotten_with_their_job(store: Store) -> None:
    log, job, other = await store.worker(), face(), face()
    await log.claim([ticket(job), ticket(other)], NOW)
    await log.record([replace(sent(job), story=b"told"), replace(delayed(other, NOW + 1), story=b"told too")])
    assert await log.forget(2 * NOW, 10) == 1
    assert await store.attempts(job.job_id) == []
    assert await store.attempts(other.job_id) == [b"told too"]
