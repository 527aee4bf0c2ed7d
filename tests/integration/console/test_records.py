"""The console's records, on both stores."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from feedback.event import Event
from feedback.log import Candidate, Face
from feedback.tracker.wait import by_domain, percentiles, together
from tests.integration.console.furnished import LONG_NAME, furnish
from worker import adapters
from worker.console.records import Action, Records, Search
from worker.settings import Settings, Store

NOW = time.time()
SIZE = 400


@pytest.fixture(params=["postgres", "sqlite"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    url = request.getfixturevalue("database_url") if request.param == "postgres" else f"sqlite:///{tmp_path}/store.db"
    return Settings(store=Store(url=url))


@pytest.fixture
async def records(settings: Settings) -> AsyncIterator[Records]:
    await furnish(settings, NOW, SIZE)
    made = adapters.records(settings)
    await made.open()
    yield made
    await made.close()


async def test_the_beats_of_a_delivery_add_up_to_its_figures(records: Records) -> None:
    beats = await records.beats("spring-newsletter")
    cells = await records.cells("spring-newsletter")
    assert sum(beat.messages for beat in beats if beat.standing == "taken") == SIZE
    for standing in ("accepted", "sent", "failed", "delayed"):
        counted = sum(messages for cell, messages in cells.items() if cell.standing == standing)
        assert sum(beat.messages for beat in beats if beat.standing == standing) == counted
    assert [beat.tick for beat in beats] == sorted(beat.tick for beat in beats)
    assert all(beat.tick % 10 == 0 and NOW - 1510 <= beat.tick <= NOW + 130 for beat in beats)


async def test_the_standings_of_all_deliveries_are_the_sums_of_their_cells(records: Records) -> None:
    standings = await records.standings()
    assert {one.delivery_id for one in standings} == {"spring-newsletter", "password-resets", LONG_NAME, "just-begun"}
    for delivery_id in ("spring-newsletter", LONG_NAME):
        sums: Counter[str] = Counter()
        for cell, messages in (await records.cells(delivery_id)).items():
            sums[cell.standing] += messages
        assert {one.standing: one.messages for one in standings if one.delivery_id == delivery_id} == dict(sums)


async def test_beats_are_the_same_after_repeats_and_a_recount(settings: Settings, records: Records) -> None:
    before = await records.beats("spring-newsletter")
    tracker = adapters.tracker(settings)
    await tracker.open()
    events = [
        msgspec.json.decode(one.event, type=Event)
        for one in await records.messages(Search(delivery_id="spring-newsletter", limit=200))
    ]
    await tracker.apply(events[::-1])
    assert await records.beats("spring-newsletter") == before
    await tracker.recount()
    assert set(await records.beats("spring-newsletter")) == set(before)
    await tracker.close()


async def test_the_waits_are_those_of_the_messages_sent(records: Records) -> None:
    counts = await records.waits("password-resets")
    waits = percentiles(together(by_domain(counts).values()))
    assert waits is not None
    assert 1000 <= waits.p50 <= waits.p90 <= waits.p99 <= 8_000_000
    assert await records.waits("just-begun") == {}


async def test_every_domain_comes_with_what_was_settled_lately_and_an_event_that_names_its_site(
    records: Records,
) -> None:
    reaches = await records.reaches("spring-newsletter", 0.0)
    cells = await records.cells("spring-newsletter")
    assert {one.domain for one in reaches} == {cell.domain for cell in cells}
    settled = sum(messages for cell, messages in cells.items() if cell.standing in ("sent", "failed"))
    assert sum(one.settled for one in reaches) == settled
    assert b'"site":"google.com"' in next(one.example or b"" for one in reaches if one.domain == "gmail.com")
    assert sum(one.settled for one in await records.reaches("spring-newsletter", NOW + 1000)) == 0
    assert {one.example for one in await records.reaches("just-begun", 0.0)} == {None}


async def test_messages_are_found_by_standing_reason_and_domain_page_by_page(records: Records) -> None:
    search = Search(delivery_id="spring-newsletter", standings=("delayed", "failed"), limit=7)
    found = []
    while page := await records.messages(search):
        found += page
        search = Search(
            delivery_id="spring-newsletter", standings=("delayed", "failed"), after=page[-1].job_id, limit=7
        )
    assert {message.standing for message in found} == {"delayed", "failed"}
    assert len({message.job_id for message in found}) == len(found)
    unknown = await records.messages(Search(delivery_id="spring-newsletter", reason=1, domain="gmail.com", limit=500))
    assert unknown
    assert {(one.reason, one.domain) for one in unknown} == {(1, "gmail.com")}
    assert await records.messages(Search(delivery_id="nothing\0", domain="\0")) == []


async def test_a_message_is_found_by_its_id_and_by_its_address(records: Records) -> None:
    known = await records.message("spring-newsletter.0.000004")
    assert known is not None
    addressed = await records.addressed(known.address.upper(), 10)
    assert known.job_id in {one.job_id for one in addressed}
    assert {one.address for one in addressed} == {known.address}
    assert [one.at for one in addressed] == sorted((one.at for one in addressed), reverse=True)
    logged = await records.job(known.job_id)
    assert logged is not None
    assert (logged[0].event, logged[1]) == (known.event, None)
    assert await records.message("nothing\0") is None
    assert await records.job("nothing\0") is None


async def test_the_errors_of_a_job_and_the_quarantine_of_its_address_are_found(records: Records) -> None:
    [failed, *_] = await records.messages(Search(delivery_id="spring-newsletter", standings=("failed",)))
    [error] = await records.bounces(failed.address, failed.job_id)
    assert (error.type, error.event_id) == ("hard", f"{failed.job_id}/1")
    quarantine = await records.quarantine(failed.address)
    assert quarantine is not None
    assert quarantine.delivery_id == "spring-newsletter"
    assert await records.bounces(failed.address, failed.job_id[:-1]) == []


async def test_lanes_and_their_changes_are_read(records: Records) -> None:
    kept = await records.lanes()
    assert [one.lane for one in kept] == sorted(one.lane for one in kept)
    assert len(kept) == 6
    changes = await records.changes(None, 3)
    assert [one.what for one in changes] == ["messages_per_connection", "connections", "rate"]
    assert (changes[0].was, changes[0].becomes) == (None, 20.0)
    only = await records.changes(["default/192.0.2.10>google.com"], 10)
    assert {one.lane for one in only} == {"default/192.0.2.10>google.com"}


async def test_a_worker_that_works_is_listed_with_what_it_has_in_hand(settings: Settings, records: Records) -> None:
    log = adapters.delivery_log(settings, "mta-9-1")
    await log.open()
    try:
        faces = [
            Face(
                job_id=f"j{n}",
                delivery_id="d",
                wave=0,
                tenant="default",
                rcpt_to="a@b.example",
                context={},
                test=False,
                expires_at=None,
            )
            for n in range(3)
        ]
        await log.claim([Candidate(face, 0) for face in faces], NOW)
        await log.intend([("j1", 1)])
        [worker] = [one for one in await records.workers() if "mta-9-1" in one.name]
        assert worker.committed == 1
        assert worker.jobs >= 3
    finally:
        await log.close()


async def test_actions_are_kept_the_newest_first(records: Records) -> None:
    await records.note(Action(1.0, "Dana\0", "127.0.0.1", "suspend", "google.com", "until resumed"))
    await records.note(Action(2.0, "Eve", "::1", "cancel", f"delivery {LONG_NAME}"))
    assert [(one.at, one.who) for one in await records.actions(5)] == [(2.0, "Eve"), (1.0, "Dana\ufffd")]
    assert len(await records.actions(1)) == 1
