"""A busy site's own queues amid faults: most of its mail waits there, because it takes little at a time."""

from collections.abc import Callable

from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene

_JOBS = 300


def _slow(scene: Scene) -> None:
    """Jobs for a site whose rule lets a few go at a time, until it has queues of its own and some are sent."""
    scene.rule(rate="25/s", connections=4)
    scene.publish(_JOBS)
    scene.worker()
    scene.until(lambda: scene.said("site_queues") and len(scene.arrived()) >= 40, "the site's own queues")


def _amid(fault: Callable[[Ground, Scene], None]) -> Callable[[Ground, Scene], None]:
    def run(here: Ground, scene: Scene) -> None:
        _slow(scene)
        fault(here, scene)
        scene.settled()

    return run


def _worker_killed(_: Ground, scene: Scene) -> None:
    [worker] = scene.workers
    scene.kill(worker)
    scene.worker()
    scene.worker()


def _worker_stopped(_: Ground, scene: Scene) -> None:
    [worker] = scene.workers
    scene.worker()
    scene.stop(worker)


def _broker_killed(here: Ground, _: Scene) -> None:
    here.node.kill()
    here.node.start()


def _twice(_: Ground, scene: Scene) -> None:
    scene.again(sorted(scene.jobs))


FAULTS = (
    Fault("worker killed while a busy site's mail waits in its own queue", _amid(_worker_killed), quick=("rabbitmq",)),
    Fault("worker stopped while a busy site's mail waits in its own queue", _amid(_worker_stopped)),
    Fault("broker killed while a busy site's mail waits in its own queue", _amid(_broker_killed)),
    Fault("all jobs published again while they wait in a busy site's own queue", _amid(_twice)),
)
