"""Workers killed at each step of a message's way, and what the next worker makes of it."""

from collections.abc import Callable

from tests import keys
from tests.faults.ground import Fault, Ground
from tests.faults.scene import Scene

_BOTH = ("rabbitmq", "embedded")
_MANY = 100


def _killed_at(
    plan: Callable[[Scene], str], *, tag: str = "", on_doubt: str = "retry"
) -> Callable[[Ground, Scene], None]:
    """A worker that is killed as planned, and another behind it. Every job must be sent in the end."""

    def run(_: Ground, scene: Scene) -> None:
        scene.publish(_MANY, tag, on_doubt=on_doubt)
        scene.died(scene.worker(plan(scene)))
        if on_doubt == "fail":
            scene.expected |= dict.fromkeys(scene.may_doubt, "failed/in_doubt")
        scene.worker()
        scene.settled()

    return run


def _while_signing(here: Ground, scene: Scene) -> None:
    """The mails' domain has a key: without one there is nothing to sign."""
    scene.folder.mkdir(parents=True, exist_ok=True)
    keys.write(scene.folder / "s1.pem", keys.pem(keys.rsa()))
    scene.more_settings += '[[dkim]]\ndomain = "riverside.example"\nselector = "s1"\nkey_file = "s1.pem"\n'
    _killed_at(lambda _: "mta.signing.signer:Signer.sign/before/20/kill")(here, scene)


def _after_the_dot(on_doubt: str) -> Callable[[Ground, Scene], None]:
    """Killed while the receiver has taken messages and not yet said so."""

    def run(_: Ground, scene: Scene) -> None:
        scene.publish(20, "dot-slow-3s", on_doubt=on_doubt)
        victim = scene.worker()
        scene.until(lambda: len(scene.arrived()) >= 10, "messages taken and not yet confirmed")
        scene.kill(victim)
        if on_doubt == "fail":
            scene.expected |= dict.fromkeys(scene.may_doubt, "failed/in_doubt")
        scene.worker()
        scene.settled(90)

    return run


def _killed_twice(_: Ground, scene: Scene) -> None:
    """The second worker dies in the same place as the first: what was in doubt twice is not sent a third time."""
    scene.publish(40)
    scene.died(scene.worker(f"{scene.log('record')}/before/1/kill"))
    once = scene.may_doubt
    scene.died(scene.worker(f"{scene.log('record')}/before/1/kill"))
    scene.worker()
    scene.settled()
    twice = {job_id for job_id in once if sum(copy.job_id == job_id for copy in scene.arrived()) > 1}
    failed = scene.told("failed")
    assert failed <= once, "a job failed though its repeat was still to be had"
    scene.expected |= dict.fromkeys(failed, "failed/in_doubt")
    assert twice, "nothing was sent twice, so nothing was tried"


FAULTS = (
    Fault("worker killed before the claim", _killed_at(lambda s: f"{s.log('claim')}/before/1/kill"), _BOTH),
    Fault("worker killed after the claim", _killed_at(lambda s: f"{s.log('claim')}/after/1/kill"), _BOTH, quick=("embedded",)),
    Fault("worker killed after routing", _killed_at(lambda _: "mta.routing.routing:Routing.route/after/20/kill")),
    Fault("worker killed before the permit", _killed_at(lambda _: "mta.traffic.gate:LaneGate.ask/before/10/kill")),
    Fault("worker killed while signing", _while_signing),
    Fault("worker killed before the intent", _killed_at(lambda s: f"{s.log('intend')}/before/2/kill"), _BOTH),
    Fault("worker killed after the intent", _killed_at(lambda s: f"{s.log('intend')}/after/2/kill"), _BOTH, quick=("rabbitmq",)),
    Fault("worker killed after the dot, before the reply", _after_the_dot("retry"), _BOTH),
    Fault("killed after the dot, before the reply; on_doubt = fail", _after_the_dot("fail")),
    Fault("killed after the dot, before the reply; on_doubt = assume_sent", _after_the_dot("assume_sent")),
    Fault(
        "worker killed after the reply, before the record", _killed_at(lambda s: f"{s.log('record')}/before/1/kill"),
        _BOTH, quick=("embedded",),
    ),
    Fault(
        "worker killed after the record, before the event", _killed_at(lambda s: f"{s.log('record')}/after/1/kill"),
        _BOTH, quick=("rabbitmq",),
    ),
    Fault(
        "worker killed while publishing events", _killed_at(lambda s: f"{s.queue('publish_events')}/after/2/kill"), _BOTH
    ),
    Fault("worker killed after the event, before the ack", _killed_at(lambda s: f"{s.queue('done')}/before/1/kill"), _BOTH),
    Fault("worker killed after the ack", _killed_at(lambda s: f"{s.queue('done')}/after/30/kill"), _BOTH),
    Fault(
        "worker killed before a retry is parked",
        _killed_at(lambda s: f"{s.queue('park')}/before/5/kill", tag="450-4.2.1-once"), _BOTH,
    ),
    Fault(
        "worker killed after a retry is parked, before it is noted",
        _killed_at(lambda s: f"{s.log('parked')}/before/1/kill", tag="450-4.2.1-once"), _BOTH,
    ),
    Fault(
        "worker killed after a retry is noted, before the ack",
        _killed_at(lambda s: f"{s.log('parked')}/after/1/kill", tag="450-4.2.1-once"), _BOTH, quick=("rabbitmq",),
    ),
    Fault("two workers killed one after the other, before the record", _killed_twice, _BOTH),
)  # fmt: skip
