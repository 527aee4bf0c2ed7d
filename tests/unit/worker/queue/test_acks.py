import random

from worker.queue.rabbit.acks import Ack, Acks


def finished(*tags: int) -> Acks:
    acks = Acks()
    for tag in tags:
        acks.done(tag)
    return acks


def test_an_unbroken_run_from_the_first_delivery_takes_one_acknowledgement() -> None:
    assert finished(3, 1, 2).take(strays=False) == [Ack(3, True)]


def test_a_run_of_one_is_acknowledged_singly() -> None:
    assert finished(1).take(strays=False) == [Ack(1, False)]


def test_what_lies_above_a_gap_waits_unless_strays_are_wanted() -> None:
    acks = finished(1, 2, 5)
    assert acks.take(strays=False) == [Ack(2, True)]
    assert len(acks) == 1
    assert acks.take(strays=True) == [Ack(5, False)]
    assert len(acks) == 0


def test_a_multiple_acknowledgement_never_names_a_delivery_already_acknowledged() -> None:
    acks = finished(3)
    acks.take(strays=True)
    acks.done(1)
    acks.done(2)
    assert acks.take(strays=False) == [Ack(2, True)]
    assert acks.floor == 3


def test_a_delivery_finished_twice_is_acknowledged_once() -> None:
    acks = finished(1, 3)
    acks.take(strays=True)
    acks.done(1)
    acks.done(3)
    assert acks.take(strays=True) == []


def test_every_delivery_is_acknowledged_exactly_once_in_whatever_order_they_finish() -> None:
    for seed in range(200):
        dice = random.Random(seed)
        waiting, acks = set(range(1, 101)), Acks()
        order = sorted(waiting, key=lambda tag: tag + dice.randrange(30))
        done: set[int] = set()
        for tag in order:
            acks.done(tag)
            done.add(tag)
            if dice.random() < 0.2:
                acknowledge(acks.take(strays=dice.random() < 0.3), waiting, done)
        acknowledge(acks.take(strays=False), waiting, done)
        assert not waiting
        assert acks.floor == 100


def acknowledge(acks: list[Ack], waiting: set[int], done: set[int]) -> None:
    """What the broker does, which ends the channel when it is told of a delivery that is not waiting."""
    for tag, multiple in acks:
        assert tag in waiting
        named = {each for each in waiting if each <= tag} if multiple else {tag}
        assert named <= done
        waiting -= named


def test_the_broker_has_been_told_of_what_was_acknowledged_and_of_what_went_back() -> None:
    acks = finished(1, 2, 5)
    acks.gone(7)
    assert acks.told == 1
    acks.take(strays=False)
    assert acks.told == 3
    acks.take(strays=True)
    assert acks.told == 4
