"""Whether a worker takes jobs, and if not, why."""

from dataclasses import dataclass
from enum import StrEnum

from worker.outage import Outage


class Stage(StrEnum):
    STARTING = "starting"
    WORKING = "working"
    DRAINING = "draining"


@dataclass(slots=True)
class Health:
    """One process's; `stage` is set by whoever starts and ends it."""

    outage: Outage
    stage: Stage = Stage.STARTING

    @property
    def hindrance(self) -> str | None:
        """Why it takes no jobs, for people; None: it takes them."""
        away = self.outage.away
        if self.stage is not Stage.WORKING:
            return f"{self.stage}: {away}" if away else self.stage.value
        return f"outage: {away}" if away else None
