"""Jobs published twice, in the hands of two, unreadable, too large; clocks that jump."""

import time
from collections.abc import Callable

from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene
from worker.queue import Job

_BOTH = ("rabbitmq", "embedded")


def _ten_times(_: Ground, scene: Scene) -> None:
    """Each job published ten times, some under another routing key, some when it is long sent."""
    jobs = scene.publish(50)
    for number in range(6):
        scene.again(jobs, priority=("bulk", "transactional")[number % 2])
    scene.worker()
    scene.settled()
    for _number in range(3):
        scene.again(jobs)
    scene.publish(20)
    scene.settled()


def _two_at_once(_: Ground, scene: Scene) -> None:
    """Two workers with copies of the same jobs, slow enough that they meet."""
    jobs = scene.publish(60, "dot-slow-0.3s")
    scene.again(jobs, priority="transactional")
    scene.again(jobs)
    scene.worker()
    scene.worker()
    scene.settled()


def _two_and_a_kill(_: Ground, scene: Scene) -> None:
    """The same, and the one that has them dies."""
    jobs = scene.publish(60, "dot-slow-0.3s")
    scene.again(jobs, priority="transactional")
    victim = scene.worker()
    scene.until(lambda: len(scene.arrived()) >= 10, "some mails")
    scene.kill(victim)
    scene.again(jobs)
    scene.worker()
    scene.worker()
    scene.settled()


def _poison(_: Ground, scene: Scene) -> None:
    bodies = [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"job_id": NaN}', b'{"a": ' + b"[" * 100_000, b'{"job_id": "\\ud800"}',
        b'{"job_id": 1' + b"0" * 5000 + b"}", b"\x00" * 1000, b'{"job_id": "x", "job_id": "y"}',
    ]  # fmt: skip
    for _number in range(4):
        scene.transport.publish([Job(body=body, routing_key=f"bulk.{scene.name}.example") for body in bodies])
        scene.publish(20)
    scene.worker()
    scene.settled()


def _giants(_: Ground, scene: Scene) -> None:
    """Bodies over the limit among others."""
    scene.worker_settings["max_job"] = "100000"
    for _number in range(4):
        scene.transport.publish([Job(body=b"x" * 3_000_000, routing_key="bulk.x.example")])
        scene.publish(20)
    scene.worker()
    scene.settled()


def _fault_of_ours(method: str) -> Callable[[Ground, Scene], None]:
    """A bug of the worker's own in one call: the job is put aside, and none is lost."""

    def run(_: Ground, scene: Scene) -> None:
        scene.publish(40)
        scene.worker(f"{method}/before/5/raise")
        scene.settled(100)

    return run


def _clock(jump: float) -> Callable[[Ground, Scene], None]:
    """The wall clock jumps while jobs are retried."""

    def run(_: Ground, scene: Scene) -> None:
        scene.folder.mkdir(parents=True, exist_ok=True)
        clock = scene.folder / "clock"
        clock.write_text("0")
        scene.publish(60, "450-4.2.1-twice")
        scene.worker(f"clock={clock}")
        scene.until(lambda: len(scene.told("delayed")) >= 30, "the first refusals")
        clock.write_text(str(jump))
        time.sleep(1)
        scene.publish(60, "450-4.2.1-once")
        scene.settled(90)

    return run


FAULTS = (
    Fault("each job published ten times", _ten_times, _BOTH, quick=("rabbitmq",)),
    Fault("two workers with the same jobs", _two_at_once),
    Fault("jobs published thrice, and the worker that has them killed", _two_and_a_kill),
    Fault("poison messages", _poison, _BOTH),
    Fault("jobs of 3 MB where 100 kB are allowed", _giants, _BOTH),
    Fault("a bug of the worker's own, once while routing", _fault_of_ours("mta.routing.routing:Routing.route"), _BOTH),
    Fault("the clock jumps an hour ahead", _clock(3600.0), _BOTH),
    Fault("the clock jumps 20 s back", _clock(-20.0), _BOTH),
)
