"""What a run came to, in the contract's words."""

from dataclasses import dataclass
from typing import Any

from worker.simulation.engine import Engine, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one site, or of all. `finish` and `oracle` in seconds; a run that left messages unfinished counts to the
    horizon. `blocks`: how often the site lost its temper."""

    messages: int
    delivered: int
    bounced: int
    attempts: int
    throttled: int
    finish: float
    oracle: float
    peak: int
    blocks: int

    @property
    def throttled_share(self) -> float:
        return self.throttled / self.attempts if self.attempts else 0.0

    @property
    def slowdown(self) -> float:
        return self.finish / self.oracle if self.oracle else 1.0

    def as_json(self) -> dict[str, Any]:
        return {
            "messages": self.messages,
            "delivered": self.delivered,
            "bounced": self.bounced,
            "unfinished": self.messages - self.delivered - self.bounced,
            "attempts": self.attempts,
            "throttled": self.throttled,
            "throttled_share": round(self.throttled_share, 6),
            "finish_s": round(self.finish, 3),
            "oracle_finish_s": round(self.oracle, 3),
            "slowdown": round(self.slowdown, 4),
            "peak_connections": self.peak,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """One controller's figures."""

    controller: str
    total: Figures
    sites: dict[str, Figures]

    def as_json(self) -> dict[str, Any]:
        sites = {name: figures.as_json() for name, figures in self.sites.items()}
        return {"controller": self.controller, "total": self.total.as_json(), "sites": sites}


def finishes(engine: Engine) -> dict[str, float]:
    """When each site's last message was settled."""
    return {place.name: _finish(place, engine.scenario.horizon) for place in engine.places}


def result(name: str, engine: Engine, oracle: dict[str, float]) -> Result:
    """The figures of a run that is over, beside the oracle's."""
    sites = {place.name: _site(place, oracle[place.name], engine.scenario.horizon) for place in engine.places}
    parts = sites.values()
    total = Figures(
        messages=sum(part.messages for part in parts),
        delivered=sum(part.delivered for part in parts),
        bounced=sum(part.bounced for part in parts),
        attempts=sum(part.attempts for part in parts),
        throttled=sum(part.throttled for part in parts),
        finish=max(part.finish for part in parts),
        oracle=max(part.oracle for part in parts),
        peak=engine.peak,
        blocks=sum(part.blocks for part in parts),
    )
    return Result(name, total, sites)


def _site(place: Place, oracle: float, horizon: float) -> Figures:
    return Figures(
        messages=place.messages,
        delivered=place.delivered,
        bounced=place.bounced,
        attempts=place.attempts,
        throttled=place.throttled,
        finish=_finish(place, horizon),
        oracle=oracle,
        peak=place.peak,
        blocks=sum(entrance.blocks for entrance in place.entrances),
    )


def _finish(place: Place, horizon: float) -> float:
    return horizon if place.left else place.finish
