"""Worker processes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from worker.console.records import Crew


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker process. `state`: `beating`, `late` (it missed a beat or two), `lost` (others take its jobs over), or
    `embedded`, where nobody asks. `silent`: seconds since its last beat, `steady`: since it has beaten without a gap."""

    name: str
    state: str
    jobs: int
    committed: int
    silent: float | None
    steady: float | None


def workers(crews: Sequence[Crew], now: float) -> list[WorkerRow]:
    return [_worker(crew, now) for crew in crews]


def _worker(crew: Crew, now: float) -> WorkerRow:
    if crew.alive_until is None or crew.lease is None or crew.steady_since is None:
        state, silent, steady = "embedded", None, None
    else:
        silent, steady = max(0.0, now - (crew.alive_until - crew.lease)), max(0.0, now - crew.steady_since)
        state = "lost" if now >= crew.alive_until else "late" if silent > crew.lease / 2 else "beating"
    return WorkerRow(
        name=crew.name, state=state, jobs=crew.jobs, committed=crew.committed, silent=silent, steady=steady
    )
