"""Workers told to stop, told twice, killed while stopping, frozen, outlived; and the tracker killed."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene

_BOTH = ("rabbitmq", "embedded")


def _in_data(_: Ground, scene: Scene) -> None:
    """SIGTERM while messages are at the receiver: they are seen to their end."""
    scene.publish(40, "dot-slow-1s")
    worker = scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 5, "messages under way")
    scene.stop(worker)
    assert not scene.transport.undecided(scene.name), "a worker that ended well left jobs undecided"
    scene.worker()
    scene.settled()


def _drain_over(_: Ground, scene: Scene) -> None:
    """The receiver takes longer than the worker may: what is behind its dot stays in doubt."""
    scene.worker_settings["drain"] = '"1s"'
    scene.publish(20, "dot-slow-5s")
    worker = scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 5, "messages under way")
    scene.stop(worker)
    scene.may_doubt = scene.transport.undecided(scene.name)
    scene.worker()
    scene.settled()


def _told_twice(_: Ground, scene: Scene) -> None:
    scene.publish(40, "dot-slow-1s")
    worker = scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 5, "messages under way")
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    scene.stop(worker)
    scene.may_doubt = scene.transport.undecided(scene.name)
    scene.worker()
    scene.settled()


def _killed_while_draining(_: Ground, scene: Scene) -> None:
    scene.publish(20, "dot-slow-3s")
    worker = scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 5, "messages under way")
    worker.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    scene.kill(worker)
    scene.worker()
    scene.settled()


def _frozen(when: str) -> Callable[[Ground, Scene], None]:
    """A worker that is stopped by the system for longer than its lease, and then goes on as if nothing had been."""

    def run(_: Ground, scene: Scene) -> None:
        scene.publish(60)
        frozen = scene.worker(f"{scene.log('intend')}/{when}/2/stop")
        scene.until(lambda: _state(frozen.pid) == "T", "the worker to freeze")
        scene.may_doubt = scene.transport.undecided(scene.name)
        scene.worker()
        scene.settled(120)  # the broker takes the frozen one's tickets back when three of its heartbeats are missing
        os.kill(frozen.pid, signal.SIGCONT)
        time.sleep(2)
        scene.stop(frozen)

    return run


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _again_and_again(_: Ground, scene: Scene) -> None:
    """Five workers, each killed while it sends. A job that was at the receiver's at two of these deaths is not sent a third
    time."""
    scene.publish(300, "dot-slow-0.2s")
    for wanted in (20, 50, 80, 110, 140):
        victim = scene.worker()
        scene.until(lambda: len(scene.arrived()) >= wanted, "some mails")  # noqa: B023 - called before it changes
        scene.kill(victim)
    scene.worker()
    scene.settled(90)
    spent = scene.ended("in_doubt")
    assert all(event["attempt"] == 2 for event in spent), "a job failed though its repeat was still to be had"
    scene.expected |= {event["job_id"]: "failed/in_doubt" for event in spent}


def _one_of_two(_: Ground, scene: Scene) -> None:
    """One of two workers is killed; the other one takes over."""
    scene.publish(200, "dot-slow-0.2s")
    victim = scene.worker()
    scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 60, "some mails")
    victim.kill()
    victim.wait()
    scene.forget(victim)
    scene.may_doubt = scene.transport.undecided(scene.name)
    scene.settled()


def _tracker_killed(here: Ground, scene: Scene) -> None:
    scene.publish(200, "dot-slow-0.1s")
    scene.worker()
    for wanted in (40, 120):
        scene.until(lambda: len(scene.arrived()) >= wanted, "some mails")  # noqa: B023 - called before it changes
        here.tracker.kill()
        here.tracker.wait()
        here.start_tracker()
    scene.settled()


FAULTS = (
    Fault("SIGTERM in DATA", _in_data, _BOTH, quick=("rabbitmq",)),
    Fault("SIGTERM, and the receiver slower than the drain", _drain_over, _BOTH),
    Fault("SIGTERM twice", _told_twice, _BOTH),
    Fault("SIGTERM, then kill -9", _killed_while_draining, _BOTH),
    Fault("worker frozen for longer than its lease, before the intent", _frozen("before")),
    Fault("worker frozen for longer than its lease, between intent and dot", _frozen("after")),
    Fault("five workers killed one after the other", _again_and_again, _BOTH),
    Fault("one of two workers killed", _one_of_two),
    Fault("tracker killed, twice", _tracker_killed),
)
