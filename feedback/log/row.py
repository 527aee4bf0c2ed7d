"""A job's row in the delivery log, and the one decision both adapters share: what a ticket that came up finds."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from feedback.log import (
    MAX_VALIDITY,
    Another,
    Candidate,
    Claim,
    Elsewhere,
    Face,
    Fresh,
    InDoubt,
    Settled,
    State,
    Taken,
    Waiting,
)


class Row(Struct, frozen=True):
    """One job as the store has it, in the order of `COLUMNS`.

    `intent`: the current owner meant to send the dot and recorded no outcome. `undecided`: an earlier owner died like
    that, and nobody has decided yet what that means. `announced`: it was handed back once, so `accepted` is out.
    """

    job_id: str
    face: bytes
    accepted_at: float
    expires_at: float
    attempt: int
    seq: int
    doubtful: bool
    resent: bool
    undecided: bool
    announced: bool
    intent: bool
    parked: bool
    retry_at: float | None
    final: str | None
    owner: str | None
    event: bytes | None
    holds: bytes | None = None


COLUMNS = Row.__struct_fields__
"""What an adapter selects to make a `Row` of it."""


def decide(row: Row, candidate: Candidate, now: float, *, lease: float, held: bool) -> Claim:
    """What `candidate` finds at `now`. `held`: a living worker has the job in hand."""
    if row.final is not None:
        return Settled(state(row))
    if (first := read_face(row.face).digest) and candidate.face.digest != first:
        return Another()
    if held:
        return Elsewhere(lease)
    retry_at = row.retry_at or 0.0
    stale = candidate.generation < row.seq
    if stale or retry_at > now:
        return Waiting(state(row), retry_at, parked=bool(row.parked and stale))
    return seize(row)


def seize(row: Row) -> Fresh | Taken | InDoubt:
    """Take a job that nobody living holds. A doubt stays until an outcome or the next intent shows it decided."""
    if row.intent or row.undecided:
        return InDoubt(replace(state(row), doubtful=True))
    if row.seq == 0 and not row.announced:
        return Fresh(state(row))
    return Taken(state(row))


@dataclass(frozen=True, slots=True)
class Found:
    """What a batch of tickets finds in the store.

    `created`: jobs just entered, as ours. `rows`: those that were there. `held`: which of these a living worker has in hand.
    """

    created: Mapping[str, Face]
    rows: Mapping[str, Row]
    held: Set[str]


def answer(candidates: Sequence[Candidate], found: Found, now: float, lease: float) -> tuple[list[Claim], set[str]]:
    """Answer a batch, and name the jobs it takes: each once, whichever of its tickets comes first."""
    claims: list[Claim] = []
    taken: set[str] = set()
    for candidate in candidates:
        job_id = candidate.face.job_id
        claim: Claim = Elsewhere(lease)
        if job_id in taken:
            pass
        elif job_id in found.created:
            claim = fresh(found.created[job_id], now)
        elif job_id in found.rows:
            claim = decide(found.rows[job_id], candidate, now, lease=lease, held=job_id in found.held)
        if isinstance(claim, Fresh | Taken | InDoubt):
            taken.add(job_id)
        claims.append(claim)
    return claims, taken


def validity(face: Face, now: float) -> float:
    """When a job accepted at `now` expires."""
    longest = now + MAX_VALIDITY
    return longest if face.expires_at is None else min(face.expires_at, longest)


def fresh(face: Face, now: float) -> Fresh:
    """A job seen for the first time."""
    return Fresh(
        State(
            face=face,
            accepted_at=now,
            expires_at=validity(face, now),
            attempt=0,
            seq=0,
            doubtful=False,
            resent=False,
            last_event=None,
        )
    )


def state(row: Row) -> State:
    """The row as the rest of the house sees it."""
    return State(
        face=read_face(row.face),
        accepted_at=row.accepted_at,
        expires_at=row.expires_at,
        attempt=row.attempt,
        seq=row.seq,
        doubtful=bool(row.doubtful),
        resent=bool(row.resent),
        last_event=row.event,
        told=bool(row.parked or (row.seq == 0 and row.announced)),
        holds=row.holds,
    )


_face_encoder = msgspec.json.Encoder()
_face_decoder = msgspec.json.Decoder(Face)


def write_face(face: Face) -> bytes:
    """A face as JSON, in which NUL is an escape; a lone surrogate, which UTF-8 has no form for, becomes `?`."""
    try:
        return _face_encoder.encode(face)
    except UnicodeEncodeError:
        return json.dumps(msgspec.structs.asdict(face), ensure_ascii=False).encode("utf-8", "replace")


def read_face(stored: bytes) -> Face:
    """The face that `write_face` wrote."""
    return _face_decoder.decode(stored)
