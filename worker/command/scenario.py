"""A scenario file named on the command line."""

from pathlib import Path

from worker.settings import BadSettings
from worker.simulation.scenario import BadScenario, Scenario, read


def scenario_of(file: Path, *, wave: bool = True) -> Scenario:
    """What the file says; without a `wave`, of its sites.

    Raises:
        BadSettings: it cannot be used; with every fault, file and key named.
    """
    try:
        return read(file.read_text(encoding="utf-8"), wave=wave)
    except OSError as fault:
        raise BadSettings([f"{file}: cannot be read: {fault.strerror}"]) from None
    except UnicodeDecodeError as fault:
        raise BadSettings([f"{file}: cannot be read: {fault}"]) from None
    except BadScenario as bad:
        raise BadSettings([f"{file}: {fault}" for fault in bad.faults]) from None
