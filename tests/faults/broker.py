"""The broker gone, back, deaf, full; queues deleted; connections and channels closed under the worker."""

import time
from collections.abc import Callable

from tests.faults.ground import Fault, Ground
from tests.faults.proxy import Proxy, through
from tests.faults.scene import Scene

_SLOW = "dot-slow-0.2s"


def _amid(fault: Callable[[Ground], None], count: int = 200) -> Callable[[Ground, Scene], None]:
    """Something happens to the broker while mails are going out."""

    def run(here: Ground, scene: Scene) -> None:
        scene.publish(count, _SLOW)
        scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        fault(here)
        scene.settled()

    return run


def _close_connections(here: Ground) -> None:
    here.node.ctl("close_all_connections", "a fault")


def _killed(here: Ground) -> None:
    here.node.kill()
    time.sleep(2)
    here.node.start()


def _restarted(here: Ground) -> None:
    here.node.stop()
    time.sleep(1)
    here.node.start()


def _alarm(setting: tuple[str, ...], back: tuple[str, ...], seconds: float) -> Callable[[Ground], None]:
    def fault(here: Ground) -> None:
        here.node.ctl(*setting)
        try:
            time.sleep(seconds)
        finally:
            here.node.ctl(*back)

    return fault


_OUT_OF_MEMORY = ("set_vm_memory_high_watermark", "absolute", "1MB")
_MEMORY = ("set_vm_memory_high_watermark", "absolute", "1GB")
_OUT_OF_DISK = ("set_disk_free_limit", "1000GB")
_DISK = ("set_disk_free_limit", "50MB")


def _full(here: Ground, scene: Scene) -> None:
    """Nobody reads feedback, and its queue refuses more than a few messages; then somebody reads it again."""
    here.stop_tracker()
    policy = '{"max-length": 5, "overflow": "reject-publish"}'
    here.node.ctl("set_policy", "--apply-to", "queues", "full", r"^faults\.feedback$", policy)
    try:
        worker = scene.worker()
        scene.until(lambda: scene.said("working"), "the worker")
        for number in range(12):
            scene.publish(5)
            time.sleep(0.2 if number < 11 else 5)
        assert worker.poll() is None
        assert scene.said("outage"), "nothing was refused, so nothing was tried"
        here.start_tracker()
        scene.settled()
    finally:
        here.node.ctl("clear_policy", "full")


def _feedback_deleted(here: Ground, scene: Scene) -> None:
    scene.transport = here.served.unwatched("bare")
    worker = scene.worker()
    scene.until(lambda: scene.said("working"), "the worker")
    here.node.ctl("delete_queue", "bare.feedback")
    scene.publish(60)
    scene.until(lambda: len(scene.arrived()) == 60, "the mails")
    scene.settled()
    assert worker.poll() is None


def _bulk_deleted(_: Ground, scene: Scene) -> None:
    """The worker's own queue, while it is empty; whoever publishes meanwhile is told so by the broker."""
    scene.publish(10)
    scene.worker()
    scene.settled()
    _.node.ctl("delete_queue", "faults.bulk")
    scene.until(lambda: scene.said("broker_back"), "the worker's return")
    scene.publish(60)
    scene.settled()


def _consumer_timeout(here: Ground, scene: Scene) -> None:
    """The broker takes tickets back that are held too long, though the worker still works on them."""
    here.node.ctl("eval", "application:set_env(rabbit, consumer_timeout, 5000).")
    try:
        scene.publish(5, "dot-slow-75s")
        scene.worker()
        scene.until(lambda: len(scene.arrived()) == 5, "the mails")
        scene.until(lambda: scene.said("broker_lost"), "the closed channel", 120)
        scene.settled(120)
    finally:
        here.node.ctl("eval", "application:set_env(rabbit, consumer_timeout, 1800000).")


def _frozen(here: Ground, scene: Scene) -> None:
    """The network swallows everything for longer than the lease, and then goes on as if nothing had been."""
    port = int(here.node.url.rpartition(":")[2].strip("/"))
    with Proxy(port) as proxy:
        scene.broker_url = through(here.node.url, proxy.port)
        scene.publish(150, _SLOW)
        scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        proxy.freeze()
        time.sleep(8)
        proxy.thaw()
        scene.settled()
        for worker in scene.workers:
            scene.stop(worker)
    scene.use_broker(here.node.url)


def _deaf(here: Ground, scene: Scene) -> None:
    """Confirmations get lost on the way; what was published is there all the same."""
    port = int(here.node.url.rpartition(":")[2].strip("/"))
    with Proxy(port) as proxy:
        scene.broker_url = through(here.node.url, proxy.port)
        scene.publish(150, _SLOW)
        scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 20, "the first mails")
        proxy.turn_deaf()
        time.sleep(2)
        proxy.cut()
        scene.settled()
        for worker in scene.workers:
            scene.stop(worker)
    scene.use_broker(here.node.url)


def _away_at_the_start(here: Ground, scene: Scene) -> None:
    scene.publish(60)
    here.node.stop()
    scene.worker()
    time.sleep(3)
    here.node.start()
    scene.settled()


FAULTS = (
    Fault("connections closed by the broker", _amid(_close_connections), quick=("rabbitmq",)),
    Fault("broker killed and restarted", _amid(_killed)),
    Fault("broker stopped and restarted", _amid(_restarted)),
    Fault("broker away when the worker starts", _away_at_the_start),
    Fault("memory alarm for 8 s", _amid(_alarm(_OUT_OF_MEMORY, _MEMORY, 8), 300)),
    Fault("memory alarm for 40 s, beyond the patience for confirmations", _amid(_alarm(_OUT_OF_MEMORY, _MEMORY, 40), 300)),
    Fault("disk alarm for 8 s", _amid(_alarm(_OUT_OF_DISK, _DISK, 8), 300)),
    Fault("feedback queue refuses what is published", _full),
    Fault("feedback queue deleted", _feedback_deleted),
    Fault("job queue deleted", _bulk_deleted),
    Fault("tickets taken back by the consumer timeout", _consumer_timeout),
    Fault("the way to the broker frozen for 8 s", _frozen),
    Fault("confirmations lost, then the connections", _deaf),
)  # fmt: skip
