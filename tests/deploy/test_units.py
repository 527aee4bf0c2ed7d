"""The systemd units and the installer, looked at without running them."""

import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from worker.settings import Worker

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ("campaign-mta-worker@.service", "campaign-mta-tracker.service", "campaign-mta-console.service")
EXPOSURE = {"campaign-mta-worker@.service": 12, "campaign-mta-tracker.service": 10, "campaign-mta-console.service": 10}
"""Tenths, of 100; what is left is that it talks to the world, from the host's root directory."""


def laid(root: Path) -> dict[str, str]:
    """Every file and link under a root, with what it says."""
    files = [path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_text() for path in files
    }


def install(*options: str) -> str:
    done = subprocess.run([DEPLOY / "install", *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where an image is laid."""
    if shutil.which("systemd-sysusers") is None:
        pytest.skip("needs systemd")
    install("--root", str(tmp_path / "root"), "--venv", "/opt/made", "--workers", "3")
    return tmp_path / "root"


def test_the_installer_lays_an_image_and_a_second_run_changes_nothing_of_it(root: Path) -> None:
    files = laid(root)
    assert files["opt/campaign-mta/current"] == "/opt/made"
    assert {f"etc/systemd/system/{unit}" for unit in UNITS} <= files.keys()
    wanted = [name for name in files if "campaign-mta.target.wants" in name]
    assert len(wanted) == 5
    (root / "etc/campaign-mta/campaign-mta.toml").write_text("# the operator's\n")
    install("--root", str(root), "--venv", "/opt/made", "--workers", "3")
    assert laid(root) == files | {"etc/campaign-mta/campaign-mta.toml": "# the operator's\n"}


def test_with_fewer_workers_those_that_are_too_many_go(root: Path) -> None:
    install("--root", str(root), "--venv", "/opt/made", "--workers", "1")
    wanted = {path.name for path in (root / "etc/systemd/system/campaign-mta.target.wants").iterdir()}
    assert {name for name in wanted if "worker" in name} == {"campaign-mta-worker@1.service"}


def test_the_command_for_an_embedded_store_copies_it_while_it_is_written(tmp_path: Path) -> None:
    (command,) = [line.strip() for line in (DEPLOY / "README.md").read_text().splitlines() if "VACUUM INTO" in line]
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode = WAL")
        store.execute("CREATE TABLE job (job_id TEXT)")
        store.execute("INSERT INTO job VALUES ('kept')")
        store.execute("BEGIN IMMEDIATE")
        store.execute("INSERT INTO job VALUES ('under way')")
        subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("SELECT job_id FROM job").fetchall() == [("kept",)]


@pytest.mark.long
def test_the_installer_makes_an_environment_of_pinned_packages_once(tmp_path: Path) -> None:
    install("--root", str(tmp_path), "--workers", "1")
    target = (tmp_path / "opt/campaign-mta/current").readlink()
    made = tmp_path / target.relative_to("/")
    script = (made / "bin/campaign-mta").read_text()
    assert script.splitlines()[0] == f"#!{target}/bin/python3"
    said = subprocess.run(
        [made / "bin/python", made / "bin/campaign-mta", "--help"], capture_output=True, text=True, cwd="/"
    )
    assert "reconcile" in said.stdout
    was = (made / "complete").stat().st_mtime_ns
    install("--root", str(tmp_path), "--workers", "1")
    assert (made / "complete").stat().st_mtime_ns == was


def test_only_root_reads_the_secrets(root: Path) -> None:
    folder = root / "etc/campaign-mta/secrets"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_dry_run_does_nothing_and_says_what_it_would_do() -> None:
    program = Path("/opt/campaign-mta")
    was = program.exists()
    said = install("--dry-run", "--workers", "2", "--venv", "/opt/made")
    assert "systemctl restart campaign-mta-worker@2.service" in said
    assert program.exists() == was


@pytest.mark.parametrize("options", [["--workers", "ten"], ["--workers", "0"], ["--color"]])
def test_a_wrong_option_of_the_installer_is_refused_and_named(options: list[str]) -> None:
    done = subprocess.run([DEPLOY / "install", *options], capture_output=True, text=True)
    assert done.returncode == 2
    assert options[0] in done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_exposed_no_more_than_it_must_be(unit: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd")
    file = shutil.copy(DEPLOY / "systemd" / unit, tmp_path / unit.replace("@", "@1"))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE[unit]}", file],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


def test_a_worker_is_given_more_time_to_stop_than_it_takes_to_drain() -> None:
    unit = (DEPLOY / "systemd" / "campaign-mta-worker@.service").read_text()
    (limit,) = [
        line.removeprefix("TimeoutStopSec=") for line in unit.splitlines() if line.startswith("TimeoutStopSec=")
    ]
    assert float(limit) >= Worker().drain + 10
