"""The product's own decisions against modelled receiving sites, in virtual time."""

from worker.simulation.run import CONTROLLERS, simulate
from worker.simulation.scenario import BadScenario

__all__ = ["CONTROLLERS", "BadScenario", "simulate"]
