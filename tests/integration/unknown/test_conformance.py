"""Every promise of the `UnknownReplies` seam, against both adapters."""

from dataclasses import replace

import pytest

from feedback.qualifier.unknown import MAX_KINDS, Decision, Key, Unknown
from feedback.store import StoreAway
from feedback.unknown import UnknownReplies
from feedback.unknown.row import id_of

ODD = Key(550, "rcpt", "frobnicated by {host}")
RARE = Key(554, "body", "wobbled")
SEEN = Unknown(count=2, first_at=10.0, last_at=20.0, site="big", example="550 Frobnicated by mx1.example")


async def test_an_empty_ledger_is_no_trouble(replies: UnknownReplies) -> None:
    await replies.add({})
    assert await replies.kept() == {}
    assert await replies.decide([], Decision.KEEP) == set()


async def test_what_was_added_is_kept_for_others_to_read(replies: UnknownReplies, others: UnknownReplies) -> None:
    await replies.add({ODD: SEEN, RARE: replace(SEEN, count=1)})
    assert await others.kept() == {ODD: SEEN, RARE: replace(SEEN, count=1)}


async def test_counts_of_several_workers_add_up_and_times_widen(
    replies: UnknownReplies, others: UnknownReplies
) -> None:
    await replies.add({ODD: SEEN})
    await others.add({ODD: Unknown(count=3, first_at=5.0, last_at=15.0, site="small", example="550 another")})
    assert await replies.kept() == {ODD: replace(SEEN, count=5, first_at=5.0)}
    await others.add({ODD: replace(SEEN, count=1, first_at=30.0, last_at=30.0)})
    assert await replies.kept() == {ODD: replace(SEEN, count=6, first_at=5.0, last_at=30.0)}


async def test_a_decision_stands_while_counts_go_on(replies: UnknownReplies, others: UnknownReplies) -> None:
    await replies.add({ODD: SEEN, RARE: SEEN})
    assert await others.decide([id_of(ODD), "none"], Decision.IGNORE) == {id_of(ODD)}
    await replies.add({ODD: SEEN})
    kept = await replies.kept()
    assert (kept[ODD].decision, kept[ODD].count) == (Decision.IGNORE, 4)
    assert kept[RARE].decision is Decision.TO_QUALIFY


async def test_decisions_can_be_read_alone_and_taken_back(replies: UnknownReplies, others: UnknownReplies) -> None:
    await replies.add({ODD: SEEN, RARE: SEEN})
    assert await replies.decisions() == {}
    await others.decide([id_of(ODD)], Decision.IGNORE)
    await others.decide([id_of(RARE)], Decision.KEEP)
    assert await replies.decisions() == {ODD: Decision.IGNORE, RARE: Decision.KEEP}
    await others.decide([id_of(ODD)], Decision.TO_QUALIFY)
    assert await replies.decisions() == {RARE: Decision.KEEP}


async def test_no_more_than_a_bounded_number_of_kinds_is_kept_the_frequent_and_the_decided_first(
    replies: UnknownReplies,
) -> None:
    await replies.add({RARE: replace(SEEN, count=1)})
    await replies.decide([id_of(RARE)], Decision.KEEP)
    kinds = {Key(550, "rcpt", f"kind {letter}"): replace(SEEN, count=2) for letter in range(MAX_KINDS)}
    await replies.add({**kinds, ODD: replace(SEEN, count=1)})
    assert (await replies.kept()).keys() == {RARE, *kinds}


async def test_text_that_no_store_can_hold_is_kept_as_far_as_it_can_be(replies: UnknownReplies) -> None:
    await replies.add({Key(550, "rcpt", "a\0b" + "x" * 5000): replace(SEEN, example="550 a\0b\udcff")})
    [(key, unknown)] = (await replies.kept()).items()
    assert key.canonical.startswith("a\ufffdb")
    assert unknown.example == "550 a\ufffdb?"


async def test_a_closed_store_is_away(replies: UnknownReplies) -> None:
    await replies.close()
    with pytest.raises(StoreAway):
        await replies.add({ODD: SEEN})
