"""DNS dead, failing, silent, flapping."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene
from tests.nameserver import Fails, Nameserver, Script, Silent, serving


@contextmanager
def _answering(zone: Mapping[str, Script | list[Script]]) -> Iterator[Nameserver]:
    """The nameserver in a thread of its own."""
    nameserver, loop = Nameserver(zone, ttl=1), asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(nameserver):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()], daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield nameserver
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def _zone(scene: Scene, before: list[Script]) -> dict[str, Script | list[Script]]:
    """Five domains with one MX host, whose first answers are others."""
    host = f"mx.{scene.name}.example"
    zone: dict[str, Script | list[Script]] = {f"{host} A": ("127.0.0.1",), f"{host} AAAA": ()}
    for number in range(5):
        zone[f"d{number}.{scene.name}.example MX"] = [*before, (f"10 {host}.",)]
    return zone


_PATIENCE = 150.0
"""Seconds: a failure is believed for 30 s, and after two of them the next retry is half a minute away."""


def _at_first(*before: Script) -> Callable[[Ground, Scene], None]:
    def run(_: Ground, scene: Scene) -> None:
        with _answering(_zone(scene, list(before))) as nameserver:
            _configure(scene, nameserver.address)
            scene.publish(60)
            scene.worker()
            scene.settled(_PATIENCE)
            assert scene.told("delayed") or not before, "nothing was delayed, so nothing was tried"

    return run


def _configure(scene: Scene, address: str) -> None:
    scene.routed = False
    scene.more_settings += f'[dns]\nnameservers = ["{address}"]\nallow_private_mx = true\n'
    scene.smtp_port = scene.port


def _dead(_: Ground, scene: Scene) -> None:
    """Nobody answers for 15 s."""
    zone = _zone(scene, [])
    silent: dict[str, Script | list[Script]] = dict.fromkeys(zone, Silent())
    answers = dict(silent)
    with _answering(answers) as nameserver:
        _configure(scene, nameserver.address)
        scene.publish(60)
        scene.worker()
        time.sleep(15)
        answers.update(zone)
        scene.settled(120)
        assert not scene.told("failed"), "a nameserver's silence is no answer"


FAULTS = (
    Fault("DNS answers SERVFAIL at first", _at_first(*[Fails("SERVFAIL")] * 2)),
    Fault("DNS answers REFUSED at first", _at_first(*[Fails("REFUSED")] * 2)),
    Fault("DNS dead for 15 s", _dead),
)
