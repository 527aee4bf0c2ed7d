"""The simulator: the same bytes for the same seed, every message accounted for, and what the controllers come to."""

import json
from pathlib import Path
from typing import Any

import pytest

from mta.traffic.shares import Account
from worker.simulation import CONTROLLERS, BadScenario, simulate
from worker.simulation.adaptive import ABREAST, Adaptive
from worker.simulation.engine import Engine
from worker.simulation.figures import Result
from worker.simulation.oracle import Oracle
from worker.simulation.run import UNKNOWN_SITE, results, second_wave
from worker.simulation.scenario import read
from worker.simulation.site import Entrance

SCENARIOS = sorted((Path(__file__).parents[3] / "simulation").glob("*.toml"))
LONG = {"river", "many", "multitude"}  # the benchmark runs them
KEYS = {
    "messages",
    "delivered",
    "bounced",
    "unfinished",
    "attempts",
    "throttled",
    "throttled_share",
    "finish_s",
    "oracle_finish_s",
    "slowdown",
    "peak_connections",
}
SMALL = """
messages = 3000
workers = 3
[[site]]
name = "a"
max_rate = "600/min"
max_connections = 4
transient = 0.01
bad_recipients = 0.02
[[site]]
name = "b"
share = 0.3
greylist = "5m"
"""


def adaptive(text: str) -> dict[str, Any]:
    return simulate(text, ["adaptive"])[0]


def test_the_same_file_and_seed_give_the_same_bytes() -> None:
    first, second = (json.dumps(simulate(SMALL, CONTROLLERS)) for _ in range(2))
    assert first == second


def test_another_seed_gives_another_course() -> None:
    assert simulate(SMALL) != simulate("seed = 2\n" + SMALL)


def test_the_output_is_as_the_contract_has_it() -> None:
    for outcome in simulate(SMALL, CONTROLLERS):
        assert outcome.keys() == {"controller", "total", "sites"}
        assert set(outcome["sites"]) == {"a", "b"}
        for part in (outcome["total"], *outcome["sites"].values()):
            assert part.keys() == KEYS
            assert part["delivered"] + part["bounced"] + part["unfinished"] == part["messages"]
            assert part["throttled"] <= part["attempts"]
        assert sum(site["messages"] for site in outcome["sites"].values()) == outcome["total"]["messages"] == 3000


def test_an_unknown_controller_is_a_fault() -> None:
    with pytest.raises(BadScenario, match="'guess' is none of adaptive, static, postfix, kumomta"):
        simulate(SMALL, ["guess"])


def test_the_oracle_is_as_fast_as_the_limit_and_no_faster() -> None:
    found = adaptive('messages = 6000\n[[site]]\nname = "a"\nmax_rate = "600/min"\n')
    assert 6000 / 10 - 11 <= found["total"]["oracle_finish_s"] <= 6000 / 10 + 1
    found = adaptive('messages = 6000\n[[site]]\nname = "a"\nmax_connections = 5\n')
    assert found["total"]["oracle_finish_s"] == pytest.approx(6000 * 0.16 / 5, rel=0.02)


def test_the_oracle_is_never_refused() -> None:
    scenario = read((SCENARIOS[0].parent / "touchy.toml").read_text())
    engine = Engine(scenario, Oracle(1000), workers=1)
    engine.run()
    assert sum(place.throttled for place in engine.places) == 0
    assert engine.left == 0


def test_the_horizon_ends_it() -> None:
    found = adaptive('horizon = "1m"\nmessages = 6000\n[[site]]\nname = "a"\nmax_rate = "600/min"\n')
    assert found["total"]["unfinished"] > 0
    assert found["total"]["finish_s"] == 60.0


def test_a_ceiling_by_rule_is_kept_to() -> None:
    rule = '[[rule]]\nname = "r"\nsite = ["a"]\nconnections = 3\n'
    found = adaptive('messages = 2000\nworkers = 4\n[[site]]\nname = "a"\n' + rule)
    assert found["total"]["peak_connections"] == 3
    assert found["total"]["delivered"] == 2000


@pytest.fixture(
    scope="module", params=[path for path in SCENARIOS if path.stem not in LONG], ids=lambda path: path.stem
)
def outcome(request: pytest.FixtureRequest) -> Result:
    return results(read(request.param.read_text()), ["adaptive"])[0]


def test_the_adaptive_wave_is_nearly_as_fast_as_the_oracle_and_hardly_ever_refused(outcome: Result) -> None:
    assert outcome.total.slowdown <= 1.25
    assert outcome.total.throttled_share <= 0.01
    assert outcome.total.blocks == 0
    assert outcome.total.delivered + outcome.total.bounced == outcome.total.messages


@pytest.mark.parametrize("name", ["steady", "trickle", "touchy", "per-connection"])
def test_a_second_wave_is_refused_less_than_one_time_in_three_hundred(name: str) -> None:
    found = second_wave(read((SCENARIOS[0].parent / f"{name}.toml").read_text()), 86_400.0)
    assert found.total.throttled_share <= 0.0034
    assert found.total.slowdown <= 1.15


THOUSAND = """
messages = 6000
workers = 1000
[[site]]
name = "large"
share = 0.6
max_connections = 40
max_rate = "3000/min"
[[site]]
name = "small"
count = 60
max_connections = 5
"""


@pytest.mark.parametrize("text", [(SCENARIOS[0].parent / "crew.toml").read_text(), THOUSAND], ids=["crew", "thousand"])
def test_no_grant_goes_beyond_what_the_other_leases_leave_of_the_limit(text: str) -> None:
    scenario = read(text)
    scenario = scenario.model_copy(update={"messages": min(8000, scenario.messages)})
    control, left = Adaptive(lambda name: UNKNOWN_SITE), []

    def watch(now: float, key: tuple[str, int], account: Account) -> None:
        window, rate, _ = account.pace.limits(UNKNOWN_SITE)
        leases = list(account.leases.values())
        if leases and (latest := leases[-1]).window:
            left.append(
                (window - sum(lease.window for lease in leases), rate - sum(lease.rate for lease in leases), latest)
            )

    control.watch = watch
    engine = Engine(scenario, control)
    engine.run()
    assert engine.left == 0
    assert len(left) > 1000
    assert all(connections >= 0 for connections, _, _ in left)
    assert all(rate > -0.001 or latest.rate == 0 for _, rate, latest in left)


def test_a_thousand_workers_join_a_lane_as_there_is_room_for_them() -> None:
    engine = Engine(read(THOUSAND), Adaptive(lambda name: UNKNOWN_SITE))
    engine.run()
    large, small = engine.places[0], engine.places[1]
    assert ABREAST < len(large.lanes) < 360
    assert len(small.lanes) == 4
    assert sum(lane.mind is not None for lane in large.lanes) > len(large.lanes) - ABREAST - 1


def test_figures_of_a_site_never_exceed_its_hidden_connections() -> None:
    entry = read('messages = 1\n[[site]]\nname = "a"\nmax_connections = 2\n').site[0]
    site = Entrance(entry)
    for _ in range(5):
        site.connect(0.0)
    assert site.open == 2
