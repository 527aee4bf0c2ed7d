"""The alert rules and the dashboard ask for what workers really export."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics

from mta.attempt import Phase
from tests.integration.metrics.exported import get, working
from tests.services.prometheus import promtool

DEPLOY = Path(__file__).parents[3] / "deploy"
BY_TARGET = {"instance", "job"}
ENDINGS = {"delivered", "transient", "permanent", "broken", "doubtful"}
LABELS = {
    "tickets": {"class", "claim"},
    "attempts": {"phase", "ending"},
    "pace_changes": {"what"},
}
"""Of metrics that have no sample before something happens."""

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "info": ("_info",), "histogram": ("_bucket", "_sum", "_count")}
_SELECTOR = re.compile(r"\b((?:campaign_mta|process)_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)"')


def alerts() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def dashboard() -> list[str]:
    """The queries, with what Grafana puts in filled in."""
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [expr.replace("$__rate_interval", "5m").replace("$instance", ".*") for expr in found]


def selectors(expr: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each metric asked for, with the labels and values it is chosen by."""
    for name, inside in _SELECTOR.findall(expr):
        yield name, _MATCHER.findall(inside)


@pytest.fixture
async def exported(tmp_path: Path) -> dict[str, dict[str, set[str]]]:
    """Every name that a worker exports, with the labels it has and their values, as far as they are known."""
    async with working(tmp_path) as (_, port):
        _, text = await get(port, "/metrics", "application/openmetrics-text")
    found: dict[str, dict[str, set[str]]] = {"up": {}}
    for family in read_openmetrics(text):
        labels: dict[str, set[str]] = {
            label: set() for label in LABELS.get(family.name.removeprefix("campaign_mta_"), ())
        }
        for sample in family.samples:
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
        found |= {family.name + suffix: labels for suffix in _SUFFIXES[family.type]}
    return found


def test_every_query_asks_for_metrics_and_labels_that_there_are(exported: dict[str, dict[str, set[str]]]) -> None:
    known: dict[str, set[str]] = {"phase": {each.value for each in Phase}, "ending": ENDINGS}
    asked = 0
    for expr in alerts() + dashboard():
        for name, matchers in selectors(expr):
            assert name in exported, expr
            for label, value in matchers:
                assert label in exported[name].keys() | BY_TARGET, expr
                if label not in BY_TARGET:
                    assert set(value.split("|")) <= exported[name][label] | known.get(label, set()), expr
            asked += 1
    assert asked > 40


def test_what_a_worker_exports_is_on_the_dashboard(exported: dict[str, dict[str, set[str]]]) -> None:
    shown = {name for expr in dashboard() for name, _ in selectors(expr)}
    ours = {re.sub(r"_(bucket|sum|count)$", "_bucket", name) for name in exported if name.startswith("campaign_mta_")}
    assert ours - shown == {"campaign_mta_worker_info"}


def test_the_alert_rules_are_sound_and_fire_when_they_should(tmp_path: Path) -> None:
    for file in (DEPLOY / "alerts.yml", Path(__file__).with_name("alerts_test.yml")):
        shutil.copy(file, tmp_path)
    assert f"SUCCESS: {len(alerts())} rules found" in promtool("check", "rules", "alerts.yml", folder=tmp_path)
    assert "SUCCESS" in promtool("test", "rules", "alerts_test.yml", folder=tmp_path)


def test_the_queries_of_the_dashboard_are_sound(tmp_path: Path) -> None:
    rules: list[dict[str, Any]] = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(dashboard())]
    (tmp_path / "dashboard.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", "dashboard.yml", folder=tmp_path)


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
