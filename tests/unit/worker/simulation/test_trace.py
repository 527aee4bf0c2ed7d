"""What a picture of a run shows, and when there is none."""

import sys
from pathlib import Path

import pytest

from worker.command.simulate import run
from worker.settings import BadSettings
from worker.simulation.adaptive import Adaptive
from worker.simulation.engine import Engine
from worker.simulation.plot import draw
from worker.simulation.run import UNKNOWN_SITE
from worker.simulation.scenario import read
from worker.simulation.trace import Trace

WAVE = """
messages = 1500
sources = 2
[[site]]
name = "slow"
share = 0.8
max_rate = "600/min"
change = [{at = "30s", max_rate = "300/min"}, {at = "40s", max_connections = 3}]
[[site]]
name = "quick"
"""


@pytest.fixture(scope="module")
def followed() -> tuple[Trace, Engine]:
    engine, trace = Engine(read(WAVE), Adaptive(lambda name: UNKNOWN_SITE)), Trace("adaptive")
    trace.follow(engine)
    engine.run()
    return trace, engine


def test_every_attempt_is_in_the_trace(followed: tuple[Trace, Engine]) -> None:
    trace, engine = followed
    for place in engine.places:
        assert trace.attempts[place.name].total() == place.attempts > 0
        assert trace.throttled[place.name].total() == place.throttled
        _, passed, refused = trace.per_minute(place.name, 5)
        assert sum(passed) * 5 / 60 == pytest.approx(place.attempts - place.throttled)
        assert sum(refused) * 5 / 60 == pytest.approx(place.throttled)
    assert trace.throttled["slow"].total() > 0


def test_the_hidden_limit_is_that_of_all_sources_and_changes_when_it_does(followed: tuple[Trace, Engine]) -> None:
    trace, _ = followed
    assert trace.limit("slow") == ([0.0, 30.0, max(trace.ended, 30.0)], [1200.0, 600.0, 600.0])
    assert trace.limit("quick") is None


@pytest.mark.parametrize(("ended", "width"), [(100.0, 1), (3600.0, 15), (86_400.0, 600), (10_000_000.0, 41_667)])
def test_long_runs_are_drawn_in_wide_steps(ended: float, width: int) -> None:
    assert Trace("adaptive", ended=ended).width == width


def test_a_picture_is_a_png(followed: tuple[Trace, Engine], tmp_path: Path) -> None:
    draw([followed[0]], "wave", tmp_path / "wave.png")
    assert (tmp_path / "wave.png").read_bytes().startswith(b"\x89PNG")


def test_a_scenario_is_simulated_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, plot = tmp_path / "wave.toml", tmp_path / "wave.png"
    file.write_text(WAVE)
    assert run(file, ["adaptive", "static"], json=True, plot=plot) == 0
    with_plot = capsys.readouterr().out
    assert plot.stat().st_size > 10_000
    assert run(file, ["adaptive", "static"], json=True) == 0
    assert capsys.readouterr().out == with_plot


def test_a_picture_in_no_known_format_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wave.toml").write_text('messages = 1\n[[site]]\nname = "a"\n')
    assert run(tmp_path / "wave.toml", ["adaptive"], json=True, plot=tmp_path / "wave.picture") == 1
    assert "wave.picture: cannot be drawn" in capsys.readouterr().err


def test_without_matplotlib_a_picture_is_refused_before_anything_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BadSettings, match=r"campaign-mta\[plot\]"):
        run(tmp_path / "no such file.toml", ["adaptive"], json=True, plot=tmp_path / "wave.png")
