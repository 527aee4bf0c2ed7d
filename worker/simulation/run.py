"""Scenarios run with the controllers that were asked for."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from math import inf
from typing import Any

from mta.traffic.memory import aged
from mta.traffic.pace import Pace
from mta.traffic.rule import Rule
from worker.simulation.adaptive import Adaptive
from worker.simulation.engine import Control, Engine
from worker.simulation.figures import Result, finishes, result
from worker.simulation.fixed import Static
from worker.simulation.kumomta import KumoMta
from worker.simulation.oracle import Oracle
from worker.simulation.postfix import Postfix
from worker.simulation.scenario import BadScenario, Scenario, read

CONTROLLERS = ("adaptive", "static", "postfix", "kumomta")

CEILING = 1000
"""Connections that the adaptive controller and the oracle may have at a site that no rule of the scenario names: the
limits are there to be found, so the ceiling is out of the way."""

UNKNOWN_SITE = Rule(name="any", connections=CEILING, messages_per_connection=1000)
BUILT_IN = Rule(name="any", connections=10, messages_per_connection=100)

Progress = Callable[[str, int], None]
Watch = Callable[[str, Engine], None]


def simulate(
    scenario_text: str,
    controllers: Sequence[str] = ("adaptive",),
    progress: Progress = lambda name, settled: None,
    watch: Watch = lambda name, engine: None,
) -> list[dict[str, Any]]:
    """One object a controller, as `campaign-mta simulate --json` prints them. `progress` is told the controller's name
    and the messages settled so far, `watch` each controller's engine before it runs.

    Raises:
        BadScenario: the scenario, or a controller's name, cannot be used; every fault named.
    """
    scenario = read(scenario_text)
    unknown = [name for name in controllers if name not in CONTROLLERS]
    if unknown:
        raise BadScenario([f"controller: {name!r} is none of {', '.join(CONTROLLERS)}" for name in unknown])
    return [outcome.as_json() for outcome in results(scenario, controllers, progress, watch)]


def results(
    scenario: Scenario,
    controllers: Sequence[str],
    progress: Progress = lambda name, settled: None,
    watch: Watch = lambda name, engine: None,
    remembered: dict[tuple[str, int], Pace] | None = None,
) -> list[Result]:
    """The figures of each controller. `remembered`: what the adaptive one learnt in earlier waves."""
    oracle = Engine(scenario, Oracle(_ceiling(scenario)), workers=1)
    oracle.run(lambda settled: progress("oracle", settled))
    known = finishes(oracle)
    found = []
    for name in controllers:
        engine = Engine(scenario, controller(name, scenario, remembered))
        watch(name, engine)
        engine.run(lambda settled, name=name: progress(name, settled))  # type: ignore[misc]
        found.append(result(name, engine, known))
    return found


def second_wave(scenario: Scenario, gap: float) -> Result:
    """The adaptive controller's figures in a wave like the one it sent `gap` seconds before."""
    first = Adaptive(_by_site(scenario.rules, UNKNOWN_SITE))
    Engine(scenario, first).run()
    learnt = {
        key: replace(aged(account.pace, gap, 0.0), growth_from=0.0, closed_until=0.0, opened_at=-inf)
        for key, account in first.accounts.items()
    }
    return results(scenario, ["adaptive"], remembered=learnt)[0]


def controller(name: str, scenario: Scenario, remembered: dict[tuple[str, int], Pace] | None = None) -> Control:
    """A fresh controller by its name."""
    match name:
        case "static":
            return Static(_by_site(scenario.rules, BUILT_IN))
        case "postfix":
            return Postfix()
        case "kumomta":
            return KumoMta()
        case _:
            return Adaptive(_by_site(scenario.rules, UNKNOWN_SITE), remembered)


def _by_site(rules: Sequence[Rule], default: Rule) -> Callable[[str], Rule]:
    """The first rule whose `site` has a glob for the name."""

    def find(name: str) -> Rule:
        return next((rule for rule in rules if any(fnmatchcase(name, glob) for glob in rule.site)), default)

    return find


def _ceiling(scenario: Scenario) -> int:
    return max([CEILING, *(rule.connections for rule in scenario.rules)])
