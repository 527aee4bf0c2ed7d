"""Debian's promtool, which checks metrics and rules."""

import subprocess
from pathlib import Path

PROMTOOL = Path(__file__).parents[2] / "build" / "servers" / "prometheus" / "usr" / "bin" / "promtool"


def promtool(*arguments: str, given: bytes = b"", folder: Path | None = None) -> str:
    """What it says; it must find nothing wrong."""
    if not PROMTOOL.exists():
        raise RuntimeError("promtool is missing; fetch it with: tests/services/install")
    done = subprocess.run([PROMTOOL, *arguments], input=given, capture_output=True, cwd=folder, check=False, timeout=60)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said
