"""What a service supervisor is told of a worker: that it runs, that its loop turns, and what it does (sd_notify(3))."""

import asyncio
import os
import socket
from collections.abc import Mapping

from worker.metrics.health import Health

_BEAT = 5.0
"""Seconds between two words, unless the watchdog wants them faster."""


async def tell(health: Health, environment: Mapping[str, str] = os.environ) -> None:
    """Send word until cancelled; nothing at all where nobody has asked for it.

    It says READY at once: broker and store may be away for hours, which is no failure of the service.
    """
    if not (path := environment.get("NOTIFY_SOCKET")):
        return
    beat = min(_BEAT, int(environment.get("WATCHDOG_USEC") or _BEAT * 2e6) / 2e6)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.setblocking(False)
        ear = f"\0{path[1:]}" if path.startswith("@") else path
        word = "READY=1\n"
        while True:
            try:
                wire.sendto(f"{word}STATUS={health.hindrance or 'takes jobs'}\nWATCHDOG=1\n".encode(), ear)
                word = ""
            except OSError:
                pass  # it has no room, or is not there; it hears of the next one
            await asyncio.sleep(beat)
