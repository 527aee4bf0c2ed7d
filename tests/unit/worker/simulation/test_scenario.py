"""Scenario files, and what is wrong with some."""

import pytest

from worker.simulation.scenario import BadScenario, allotted, read

LEAST = 'messages = 10\n[[site]]\nname = "a"\n'


def faults(text: str) -> list[str]:
    with pytest.raises(BadScenario) as caught:
        read(text)
    return caught.value.faults


def test_the_contracts_own_example_can_be_read() -> None:
    scenario = read("""
seed = 1
horizon = "24h"                # the simulation stops here at the latest
messages = 100000              # all queued at time 0
workers = 4
sources = 1
[[site]]
name = "big"
share = 0.6                    # of the messages
latency = "80ms"
max_connections = 20
max_rate = "3000/min"
max_per_connection = 100
greylist = "5m"
bad_recipients = 0.01
transient = 0.002
down = [{at = "1h", for = "20m"}]
block = {throttled_share = 0.2, over = "5m", for = "1h"}
change = [{at = "30m", max_rate = "600/min"}]
""")
    (site,) = scenario.site
    assert site.max_rate == 50.0
    assert site.latency == 0.08
    assert site.change[0].at == 1800.0


def test_every_fault_is_named_at_once() -> None:
    found = faults('messages = 0\ncolour = "red"\n[[site]]\nname = "a"\nmax_rate = "fast"\nshare = 2\n')
    assert [fault.partition(":")[0] for fault in sorted(found)] == [
        "colour",
        "messages",
        "site[0].max_rate",
        "site[0].share",
    ]


def test_what_is_no_toml_is_said_to_be_none() -> None:
    assert faults("messages = ")[0].startswith("no TOML")


def test_two_sites_of_one_name_are_a_fault() -> None:
    assert faults(LEAST + '[[site]]\nname = "a"\n') == ["site: two are called 'a'"]


def test_a_faulty_rule_is_named() -> None:
    assert faults(LEAST + '[[rule]]\nname = "r"\nsite = ["a"]\nrate = "much"\n')[0].startswith("rule[0].rate")


def test_every_message_goes_to_one_site() -> None:
    scenario = read('messages = 1001\n[[site]]\nname = "a"\nshare = 0.5\n[[site]]\nname = "b"\ncount = 7\n')
    parts = allotted(scenario)
    assert len(parts) == 8
    assert sum(count for _, _, count in parts) == 1001
    assert {name for _, name, _ in parts} == {"a", *(f"b-{number}" for number in range(1, 8))}
