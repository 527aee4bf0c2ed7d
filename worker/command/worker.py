"""`campaign-mta worker`."""

import asyncio
from pathlib import Path

from worker import adapters, process, supervisor
from worker.settings import BadSettings, Settings


def run(settings: Settings, config: Path | None, processes: int) -> int:
    if processes == 1:
        process.run(settings)
        return 0
    if adapters.embedded(settings):
        raise BadSettings(
            [f"--processes {processes}: an embedded queue or store (sqlite:///) serves one worker process"]
        )
    process.build(settings)  # what is wrong with the settings is said once, here, not by every child
    command = ["-c", "from worker.command import main; main()", "worker"]
    if config is not None:
        command += ["--config", str(config)]
    asyncio.run(supervisor.supervise(command, processes))
    return 0
