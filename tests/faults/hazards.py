"""Faults for a soak: what may happen at any time to workers, broker, store and receivers, drawn by lot."""

import asyncio
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from tests.faults.ground import Ground
from tests.faults.proxy import Proxy
from tests.faults.scene import Scene

CONNECTIONS = 20
"""Of each worker to each of the soak's two sites: so many messages may be between intent and outcome at once."""
WORKERS = 4


@dataclass
class Hazards:
    """`proxy` stands before one of the two sites. `doubtful`: how many jobs the faults so far can have left in doubt."""

    here: Ground
    scene: Scene
    proxy: Proxy
    rng: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    doubtful: int = 0

    def strike(self) -> str:
        """Have one of them happen; its name."""
        [name] = self.rng.choices(list(_HAZARDS), [weight for weight, _ in _HAZARDS.values()])
        self.counts[name] += 1
        _HAZARDS[name][1](self)
        return name

    def _victim(self) -> subprocess.Popen[bytes]:
        """Any but the oldest, whose memory is looked at to the end."""
        return self.rng.choice(self.scene.workers[1:])

    def worker_killed(self) -> None:
        self.doubtful += 2 * CONNECTIONS
        self.scene.kill(self._victim())
        self.scene.worker()

    def worker_stopped(self) -> None:
        self.scene.stop(self._victim())
        self.scene.worker()

    def broker_killed(self) -> None:
        self.here.node.kill()
        time.sleep(1)
        self.here.node.start()

    def broker_restarted(self) -> None:
        self.here.node.restart()

    def connections_closed(self) -> None:
        with suppress(subprocess.TimeoutExpired):  # a broker short of time is long about it, and does it all the same
            self.here.node.ctl("close_all_connections", "a fault")

    def store_killed(self) -> None:
        self.here.postgres.kill()
        self.here.postgres.start()

    def store_restarted(self) -> None:
        self.here.postgres.stop(signal.SIGINT)
        self.here.postgres.start()

    def sessions_ended(self) -> None:
        asyncio.run(_end_sessions(self.here.postgres.url))

    def receiver_resets(self) -> None:
        self.doubtful += WORKERS * CONNECTIONS
        self.proxy.cut()

    def receiver_silent(self) -> None:
        """Longer than anybody waits for the answer to a final dot."""
        self.doubtful += WORKERS * CONNECTIONS
        self.proxy.turn_deaf()
        time.sleep(4)
        self.proxy.cut()


_HAZARDS: dict[str, tuple[int, Callable[[Hazards], None]]] = {
    "worker killed": (6, Hazards.worker_killed),
    "worker stopped": (1, Hazards.worker_stopped),
    "broker killed": (1, Hazards.broker_killed),
    "broker restarted": (1, Hazards.broker_restarted),
    "connections closed by the broker": (2, Hazards.connections_closed),
    "PostgreSQL killed": (1, Hazards.store_killed),
    "PostgreSQL restarted": (1, Hazards.store_restarted),
    "sessions ended by PostgreSQL": (2, Hazards.sessions_ended),
    "receiver resets its connections": (2, Hazards.receiver_resets),
    "receiver silent for 4 s": (2, Hazards.receiver_silent),
}


async def _end_sessions(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    await connection.close()
