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
            [
                f"--processes {processes}: an embedded queue or store (sqlite:///) serves one worker process; "
                "for more, give [broker] and [store] the urls of RabbitMQ and PostgreSQL"
            ]
        )
    process.build(settings)  # what is wrong with the settings is said once, here, not by every child
    command = ["-c", "from worker.command import main; main()", "worker"]
    if config is not None:
        command += ["--config", str(config)]
    asyncio.run(supervisor.supervise(command, environments(settings.metrics.listen, processes)))
    return 0


def environments(listen: str | None, processes: int) -> list[dict[str, str]]:
    """What each process is told beyond the settings: where its metrics are, each on a port of its own. Whoever replaces a
    dead one has its port."""
    if listen is None:
        return [{}] * processes
    host, _, port = listen.rpartition(":")
    first = int(port)
    if first + processes - 1 > 65535:
        raise BadSettings([f"metrics.listen: {processes} processes need ports up to {first + processes - 1}"])
    return [{"CAMPAIGN_MTA_METRICS__LISTEN": f"{host}:{first + number if first else 0}"} for number in range(processes)]
