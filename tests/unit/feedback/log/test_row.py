"""What a ticket that came up finds: the decision both adapters share."""

import pytest
from msgspec.structs import replace

from feedback.log import MAX_VALIDITY, Another, Candidate, Elsewhere, Face, Fresh, InDoubt, Settled, Taken, Waiting
from feedback.log.row import Found, Row, answer, decide, read_face, state, validity, write_face

NOW = 1000.0
FACE = Face(
    job_id="j",
    delivery_id="d",
    wave=0,
    tenant="default",
    rcpt_to="a@example.net",
    context={},
    test=False,
    expires_at=None,
)
NEW = Row(
    job_id="j",
    face=write_face(FACE),
    accepted_at=0.0,
    expires_at=5000.0,
    attempt=0,
    seq=0,
    doubtful=False,
    resent=False,
    undecided=False,
    announced=False,
    intent=False,
    parked=False,
    retry_at=None,
    final=None,
    owner=None,
    event=None,
)
RETRY = replace(NEW, seq=2, attempt=2, announced=True, retry_at=NOW, event=b"{}")


@pytest.mark.parametrize(
    ("row", "generation", "kind"),
    [
        (NEW, 0, Fresh),
        (replace(NEW, announced=True), 0, Taken),
        (replace(NEW, intent=True, attempt=1), 0, InDoubt),
        (replace(NEW, undecided=True, attempt=1), 0, InDoubt),
        (RETRY, 2, Taken),
        (RETRY, 3, Taken),
        (RETRY, 1, Waiting),
        (replace(RETRY, retry_at=NOW + 0.001), 2, Waiting),
        (replace(RETRY, intent=True), 2, InDoubt),
        (replace(RETRY, final="sent"), 0, Settled),
        (replace(RETRY, final="sent"), 2, Settled),
    ],
)
def test_a_ticket_finds_the_job_where_it_stands(row: Row, generation: int, kind: type) -> None:
    assert type(decide(row, Candidate(FACE, generation), NOW, lease=7.0, held=False)) is kind


def test_a_job_in_a_living_workers_hands_is_elsewhere_unless_it_is_settled() -> None:
    candidate = Candidate(FACE, 0)
    assert decide(replace(NEW, intent=True), candidate, NOW, lease=7.0, held=True) == Elsewhere(7.0)
    assert isinstance(decide(replace(NEW, final="sent"), candidate, NOW, lease=7.0, held=True), Settled)


@pytest.mark.parametrize("held", [True, False])
def test_another_publication_under_the_id_may_be_dropped_until_the_job_is_settled(held: bool) -> None:
    row = replace(NEW, face=write_face(replace(FACE, digest="first")))
    second, first = (Candidate(replace(FACE, digest=digest), 0) for digest in ("second", "first"))
    assert decide(row, second, NOW, lease=7.0, held=held) == Another()
    assert decide(row, first, NOW, lease=7.0, held=held) != Another()
    assert isinstance(decide(replace(row, final="sent"), second, NOW, lease=7.0, held=held), Settled)


def test_a_doubt_marks_the_job_before_anything_else_happens_to_it() -> None:
    claim = decide(replace(NEW, intent=True), Candidate(FACE, 0), NOW, lease=7.0, held=False)
    assert isinstance(claim, InDoubt)
    assert claim.state.doubtful


@pytest.mark.parametrize(("parked", "generation", "droppable"), [(True, 1, True), (True, 2, False), (False, 1, False)])
def test_only_an_older_ticket_whose_successor_exists_may_be_dropped(
    parked: bool, generation: int, droppable: bool
) -> None:
    row = replace(RETRY, parked=parked, retry_at=NOW + 50)
    claim = decide(row, Candidate(FACE, generation), NOW, lease=7.0, held=False)
    assert isinstance(claim, Waiting)
    assert (claim.parked, claim.retry_at) == (droppable, NOW + 50)


def test_of_two_tickets_in_a_batch_the_current_one_is_taken() -> None:
    tickets = [Candidate(FACE, 0), Candidate(FACE, 2), Candidate(FACE, 2)]
    claims, taken = answer(tickets, Found({}, {"j": RETRY}, set()), NOW, 7.0)
    assert [type(claim) for claim in claims] == [Waiting, Taken, Elsewhere]
    assert taken == {"j"}


def test_a_job_that_is_gone_by_the_time_it_is_looked_at_is_looked_for_again() -> None:
    assert answer([Candidate(FACE, 0)], Found({}, {}, set()), NOW, 7.0) == ([Elsewhere(7.0)], set())


@pytest.mark.parametrize(
    ("wish", "end"),
    [
        (None, NOW + MAX_VALIDITY),
        (NOW - 5, NOW - 5),
        (NOW + 60, NOW + 60),
        (NOW + MAX_VALIDITY + 1, NOW + MAX_VALIDITY),
    ],
)
def test_validity_is_what_the_job_says_up_to_the_longest(wish: float | None, end: float) -> None:
    assert validity(replace(FACE, expires_at=wish), NOW) == end


def test_a_face_is_stored_as_it_is() -> None:
    odd = replace(FACE, wave=10**25, context={"a": "x\0y", "b": True, "c": 1.5}, rcpt_to="ü@example.net")
    assert read_face(write_face(odd)) == odd
    assert b"\0" not in write_face(odd)


def test_lone_surrogates_do_not_stop_a_face() -> None:
    assert read_face(write_face(replace(FACE, tenant="a\ud800b"))).tenant == "a?b"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (NEW, False),
        (replace(NEW, announced=True), True),  # handed back, which waits for `accepted`
        (replace(NEW, announced=True, seq=1), False),
        (replace(NEW, seq=1, parked=True), True),  # parked after its event was confirmed
    ],
)
def test_the_newest_event_is_known_to_be_out_once_something_that_waits_for_it_has_happened(
    row: Row, told: bool
) -> None:
    assert state(row).told is told
