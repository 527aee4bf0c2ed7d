"""Receivers that drop, reset, drip, keep silent, or are not there."""

import socket
from collections.abc import Callable

from mta.traffic.pace import AWAY
from tests.faults.ground import Fault, Ground
from tests.faults.proxy import Manner, Proxy
from tests.faults.scene import PATIENCE, Scene

_BOTH = ("rabbitmq", "embedded")
_LARGE = ("x" * 76 + "\r\n") * 4000
"""A body far larger than what is written at once with the final dot."""
_BOUNCED = "failed/in_doubt"


def _answers(
    tag: str, *, doubtful: bool = False, on_doubt: str = "retry", count: int = 60
) -> Callable[[Ground, Scene], None]:
    """The sink does as the recipients' tag says; those who come without one are to be neighbours unharmed."""

    def run(_: Ground, scene: Scene) -> None:
        hit = _publish_in_turn(scene, tag, count, on_doubt)
        if doubtful:
            scene.may_doubt = frozenset(hit)
        if on_doubt == "fail":
            scene.expected |= dict.fromkeys(hit, _BOUNCED)
        scene.worker()
        # Where half of the endings leave doubt, or are a 421, a lane is slowed to one a second.
        scene.settled(PATIENCE + 2 * len(scene.jobs))

    return run


def _publish_in_turn(scene: Scene, tag: str, count: int, on_doubt: str) -> list[str]:
    """So many with the tag and as many without it, in turn: a lane is left alone while nothing but them is tried. The ids of
    the former."""
    hit, neighbours = scene.write(count, tag, on_doubt=on_doubt), scene.write(count)
    scene.transport.publish([job for pair in zip(hit.values(), neighbours.values(), strict=True) for job in pair])
    return list(hit)


def _always_taken(_: Ground, scene: Scene) -> None:
    """The receiver takes each message and never says so: two copies, and then an end of it."""
    hit = scene.publish(20, "drop-taken")
    scene.publish(20)
    scene.may_doubt = frozenset(hit)
    scene.expected |= dict.fromkeys(hit, _BOUNCED)
    scene.worker()
    scene.settled()
    copies = len(scene.arrived())
    assert copies == 20 * 2 + 20, f"{copies} copies"


def _by_way_of(
    manner: Manner, *, doubtful: bool = False, body: str = "hello\r\n", **rule: str | int
) -> Callable[[Ground, Scene], None]:
    """The first connections are treated badly."""

    def run(_: Ground, scene: Scene) -> None:
        with Proxy(scene.port, manner) as proxy:
            scene.hosts = [f"127.0.0.1:{proxy.port}"]
            if rule:
                scene.rule(**rule)
            jobs = scene.publish(60, body=body)
            if doubtful:
                scene.may_doubt = frozenset(jobs)
            scene.worker()
            scene.settled()
            for worker in scene.workers:
                scene.stop(worker)

    return run


def _first_host_dead(_: Ground, scene: Scene) -> None:
    scene.hosts = [f"127.0.0.1:{_closed_port()}", f"127.0.0.1:{scene.port}"]
    scene.publish(100)
    scene.worker()
    scene.settled()


def _away_for_a_while(_: Ground, scene: Scene) -> None:
    """Nothing listens at first."""
    with Proxy(scene.port) as proxy:
        port = proxy.port
    scene.hosts = [f"127.0.0.1:{port}"]
    scene.publish(60)
    scene.worker()
    scene.until(lambda: len(scene.told("delayed")) >= AWAY, "the refusals")  # after so many the site is left alone
    with Proxy(scene.port, port=port):
        scene.settled()
        for worker in scene.workers:
            scene.stop(worker)


def _never_again(_: Ground, scene: Scene) -> None:
    """Refused until their validity is over, with the worker killed on the way."""
    scene.expected |= dict.fromkeys(scene.publish(60, "450-4.2.1", expires_at=scene.later(8)), "failed/expired")
    victim = scene.worker()
    scene.until(lambda: len(scene.told("delayed")) == 60, "the refusals")
    scene.kill(victim)
    scene.worker()
    scene.settled()


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


FAULTS = (
    Fault("connection closed instead of an answer to RCPT", _answers("drop-once"), _BOTH),
    Fault("421 to RCPT in a session that others share", _answers("421-4.3.2-once", count=20)),
    Fault("421 after the dot", _answers("dot-421-4.3.2-once", count=20)),
    Fault("451 after the dot", _answers("dot-451-4.3.0-twice")),
    Fault(
        "connection closed after the dot, message not taken", _answers("drop-dot-once", doubtful=True, count=20), _BOTH
    ),
    Fault(
        "connection closed after the dot, message taken", _answers("drop-taken-once", doubtful=True, count=20), _BOTH
    ),
    Fault(
        "connection closed after the dot, message taken; on_doubt = fail",
        _answers("drop-taken-once", doubtful=True, count=20, on_doubt="fail"),
    ),
    Fault(
        "connection closed after the dot, message taken; on_doubt = assume_sent",
        _answers("drop-taken-once", doubtful=True, count=20, on_doubt="assume_sent"),
    ),
    Fault("message taken and connection closed, again and again", _always_taken, _BOTH, quick=("embedded",)),
    Fault("reset in DATA, before the end could have left", _by_way_of(Manner(times=8, cut_after=40_000), body=_LARGE)),
    Fault(
        "reset in DATA, when all may have left",
        _by_way_of(Manner(times=8, cut_after=20_000), body="x" * 70 + "\r\n" + _LARGE[: 78 * 500], doubtful=True),
    ),
    Fault("reset after MAIL", _by_way_of(Manner(times=8, cut_after=60))),
    Fault(
        "silence after the dot", _by_way_of(Manner(times=8, silent_after=b"\r\n.\r\n"), doubtful=True, dot_timeout="2s")
    ),
    Fault("silence instead of a greeting", _by_way_of(Manner(times=8, silent_after=b""), banner_timeout="2s")),
    Fault("silence after the envelope", _by_way_of(Manner(times=8, silent_after=b"DATA\r\n"), mail_timeout="2s")),
    Fault(
        "tarpit: an octet of each answer every 0.3 s",
        _by_way_of(Manner(times=8, drip=0.3), banner_timeout="3s", ehlo_timeout="3s"),
    ),
    Fault("first host dead", _first_host_dead),
    Fault("host dead for a while", _away_for_a_while),
    Fault("refused until the end of validity, worker killed", _never_again, _BOTH),
)
