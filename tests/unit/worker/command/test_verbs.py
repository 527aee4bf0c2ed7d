"""The commands as they are typed."""

import subprocess
import sys
from pathlib import Path

HEAVY = ("worker.settings", "worker.adapters", "asyncio", "pydantic", "structlog", "asyncpg", "aio_pika")


def test_what_commands_work_with_is_not_loaded_before_one_is_called() -> None:
    looked = f"import sys, worker.command; print([name for name in {HEAVY} if name in sys.modules])"
    root = Path(__file__).parents[4]
    assert subprocess.check_output([sys.executable, "-c", looked], cwd=root, text=True) == "[]\n"
