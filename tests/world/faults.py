"""The faults a world can know, each drawn and begun by one function; most of them end by themselves."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from worker.orders.order import Cancellation, Suspension

if TYPE_CHECKING:
    from tests.world.world import World

CALLS = ("claim", "contend", "intend", "record", "release", "parked", "due", "published", "park", "publish", "reject")
"""What is called on the way of a job, at which a worker may die."""


def _kill(world: "World") -> None:
    if worker := world.someone():
        worker.process.fatal_step = worker.process.steps + 1 + int(world.rng.expovariate(1 / 60))


def _kill_at_call(world: "World") -> None:
    if worker := world.someone():
        worker.process.fatal_call = world.rng.choice(CALLS), world.rng.choice(["before", "after"])


def _freeze(world: "World") -> None:
    if worker := world.someone():
        worker.process.frozen = True
        world.for_a_while(world.spell(), lambda: world.loop.thaw(worker.process))


def _stop(world: "World") -> None:
    if worker := world.someone():
        worker.stop.set()
        if world.rng.random() < 0.3:
            world.loop.call_later(world.rng.uniform(0.0, 3.0), worker.process.die)


def _hire(world: "World") -> None:
    if len(world.workers) < 4:
        world.hire()


def _store_away(world: "World") -> None:
    wire = world.store_wire
    wire.away = True
    world.for_a_while(world.spell(), lambda: setattr(wire, "away", False))


def _broker_away(world: "World") -> None:
    wire = world.broker_wire
    wire.away = True
    world.broker.break_off()

    def back() -> None:
        wire.away = False
        world.broker.ring()

    world.for_a_while(world.spell(), back)


def _cut_off(world: "World") -> None:
    """One worker alone cannot reach the store, or the broker."""
    worker = world.someone()
    if worker is None:
        return
    name, wire = worker.process.name, world.rng.choice([world.store_wire, world.broker_wire])
    wire.cut.add(name)
    if wire is world.broker_wire:
        _drop_all_of(world, name)

    def back() -> None:
        wire.cut.discard(name)
        world.broker.ring()

    world.for_a_while(world.spell(), back)


def _drop_all_of(world: "World", name: str) -> None:
    for connection in [each for each in world.broker.connections if each.owner == name]:
        world.broker.drop(connection)


def _drop_connection(world: "World") -> None:
    if worker := world.someone():
        _drop_all_of(world, worker.process.name)


def _losses(world: "World") -> None:
    nerves = world.nerves[world.rng.choice(["store", "broker"])]
    nerves.lost = world.rng.choice([0.05, 0.2, 0.5])
    world.for_a_while(world.spell(), lambda: setattr(nerves, "lost", 0.0))


def _slowness(world: "World") -> None:
    nerves = world.nerves[world.rng.choice(["store", "broker"])]
    nerves.slow = world.rng.choice([0.05, 0.3])
    world.for_a_while(world.spell(), lambda: setattr(nerves, "slow", 0.0))


def _clock_jump(world: "World") -> None:
    world.jump(world.rng.choice([-1, 1]) * world.rng.choice([0.5, 5.0, 30.0, 100.0]))


def _dns_dead(world: "World") -> None:
    world.dns.dead = True
    world.for_a_while(world.spell(), lambda: setattr(world.dns, "dead", False))


def _site_down(world: "World") -> None:
    site = world.rng.choice(list(world.receivers.sites.values()))
    site.up = False
    world.for_a_while(world.spell(), lambda: setattr(site, "up", True))


def _published_again(world: "World") -> None:
    if world.story.jobs:
        world.publish(world.rng.choice(list(world.story.jobs.values())))


def _suspend(world: "World") -> None:
    site, now = world.rng.choice(list(world.receivers.sites)), world.clock()
    world.book.give([Suspension(target=site, pool=None, since=now, until=now + world.spell(), by="op@here")])


def _cancel(world: "World") -> None:
    name = f"delivery-{world.rng.randint(1, 2)}"
    world.told("cancelled by order", name)
    world.book.give([Cancellation(delivery_id=name, since=world.clock(), by="op@here")])


FAULTS: dict[str, "Callable[[World], None]"] = {
    "worker killed at a step": _kill,
    "worker killed at a call": _kill_at_call,
    "worker frozen": _freeze,
    "worker told to stop": _stop,
    "worker joins": _hire,
    "store away": _store_away,
    "broker restarted": _broker_away,
    "worker cut off": _cut_off,
    "connection lost": _drop_connection,
    "answers lost": _losses,
    "answers slow": _slowness,
    "clock jumps": _clock_jump,
    "DNS dead": _dns_dead,
    "site down": _site_down,
    "published again": _published_again,
    "site suspended": _suspend,
    "delivery cancelled": _cancel,
}
