"""The command says so when another program's package has a name of ours."""

import subprocess
import sys
from pathlib import Path

import pytest
from campaign_mta import PACKAGES, clashes

ROOT = Path(__file__).parents[2]


def plant(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    return folder


def start(path: list[Path]) -> subprocess.CompletedProcess[str]:
    told = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}; import campaign_mta; campaign_mta.main()"
    return subprocess.run([sys.executable, "-c", told, "--help"], cwd="/", capture_output=True, text=True, check=False)


@pytest.mark.parametrize("ours_first", [False, True])
def test_a_clash_ends_the_command_with_the_other_place_and_the_remedy(tmp_path: Path, ours_first: bool) -> None:
    plant(tmp_path, "worker")
    done = start([ROOT, tmp_path] if ours_first else [tmp_path, ROOT])
    assert (done.returncode, done.stdout) == (2, "")
    first, remedy = done.stderr.splitlines()
    here = ROOT / "worker"
    said = f"is hidden by the one in {here}" if ours_first else f"hides the one in {here}"
    assert first == f"campaign-mta: the package 'worker' in {tmp_path}/worker {said}"
    assert "a virtual environment of its own" in remedy


def test_without_a_clash_the_command_runs() -> None:
    done = start([ROOT])
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage" in done.stdout


@pytest.mark.parametrize("name", PACKAGES)
def test_every_package_is_guarded(tmp_path: Path, name: str) -> None:
    plant(tmp_path, name)
    [fault] = clashes(ROOT, [str(tmp_path), str(ROOT)])
    assert f"{tmp_path}/{name} hides" in fault


def test_a_module_clashes_and_a_folder_that_is_no_package_does_not(tmp_path: Path) -> None:
    (tmp_path / "mta").mkdir()
    (tmp_path / "worker.py").touch()
    [fault] = clashes(ROOT, [str(ROOT), str(tmp_path)])
    assert f"{tmp_path}/worker.py is hidden" in fault


def test_a_package_that_was_installed_over_ours_is_named_with_its_distribution(tmp_path: Path) -> None:
    for name in ("other-1.0", "campaign_mta-0.1.0"):
        (tmp_path / f"{name}.dist-info").mkdir()
        (tmp_path / f"{name}.dist-info" / "RECORD").write_text("worker/__init__.py,sha256=x,0\n")
    [fault] = clashes(tmp_path, [str(tmp_path)])
    assert "'worker'" in fault
    assert f"{tmp_path}/other-1.0.dist-info" in fault
