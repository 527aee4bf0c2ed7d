"""SIGTERM to a worker or tracker that has only begun to start."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

STARTING = """
import os, signal, sys, time, types

def begin(*_):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)

sys.modules["worker.command." + sys.argv[1]] = types.SimpleNamespace(run=begin)
from worker.command import main
main()
"""


@pytest.mark.parametrize("command", ["worker", "tracker"])
def test_a_signal_before_anything_is_in_hand_ends_it_in_good_order(command: str, tmp_path: Path) -> None:
    config = tmp_path / "campaign-mta.toml"
    config.write_text("")
    done = subprocess.run(
        [sys.executable, "-c", STARTING, command, "--config", str(config)], cwd=ROOT, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
