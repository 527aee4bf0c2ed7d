"""A busy site's own queues amid faults: most of its mail waits there, because it takes little at a time."""

from collections.abc import Callable
from datetime import datetime

from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene

_JOBS = 300
_MINUTE = 60.0
"""Seconds after its expiry within which a job's event must come."""


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


def _suspended(_: Ground, scene: Scene) -> None:
    """A site with queues of its own is suspended, whose consumers are cancelled then; more is published for it."""
    _slow(scene)
    scene.installation.run("suspend", f"*.{scene.name}.example", "--for", "1h", "--why", "a test")
    scene.expected |= dict.fromkeys(scene.publish(500, expires_at=scene.later(15)), "failed/expired")
    scene.until(lambda: len(scene.ended("expired")) == 500, "the expired jobs", 15 + _MINUTE)
    _in_time(scene)
    scene.installation.run("resume", f"*.{scene.name}.example")
    scene.settled()


def _behind(_: Ground, scene: Scene) -> None:
    """Thousands of jobs are before those that expire, for a site that takes two a second; nobody works when they come."""
    scene.rule(rate="2/s", connections=2)
    many = scene.publish(3000, expires_at=scene.later(60))
    few = scene.publish(500, expires_at=scene.later(20))
    scene.expected |= dict.fromkeys(many + few, "failed/expired")
    scene.worker()
    scene.settled(60 + _MINUTE)
    scene.expected = dict.fromkeys(scene.told("failed"), "failed/expired")
    _in_time(scene)


def _in_time(scene: Scene) -> None:
    """Nobody is told late, nor early, that a job has expired."""
    late = [_posix(event["at"]) - scene.expiry[event["job_id"]] for event in scene.ended("expired")]
    assert late, "nothing expired, so nothing was tried"
    assert -0.001 <= min(late) <= max(late) <= _MINUTE, (
        f"expired jobs were told {min(late):.1f} to {max(late):.1f} s late"
    )


def _posix(at: str) -> float:
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()


FAULTS = (
    Fault("jobs of a suspended site expire, unread in its queue", _suspended),
    Fault("jobs expire behind a backlog of their site", _behind),
    Fault("worker killed while a busy site's mail waits in its own queue", _amid(_worker_killed), quick=("rabbitmq",)),
    Fault("worker stopped while a busy site's mail waits in its own queue", _amid(_worker_stopped)),
    Fault("broker killed while a busy site's mail waits in its own queue", _amid(_broker_killed)),
    Fault("all jobs published again while they wait in a busy site's own queue", _amid(_twice)),
)
