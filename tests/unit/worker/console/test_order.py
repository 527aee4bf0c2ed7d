"""Wishes: what forms and programs may ask for, and which orders come of it."""

from typing import Any

import pytest
from pydantic import ValidationError

from worker.console.order import Cancel, End, Limit, Suspend, read
from worker.orders.order import Cancellation, Ending, Limits, Override, Suspension

NOW = 1000.0


def test_each_wish_becomes_its_order_and_is_told_in_words() -> None:
    wish = read("suspend", {"target": "example.net", "pool": "", "for": "2h", "why": "asked to"})
    assert isinstance(wish, Suspend)
    assert wish.order("dana@::1", NOW) == Suspension(
        target="example.net", pool=None, since=NOW, until=NOW + 7200, by="dana@::1", why="asked to"
    )
    assert wish.told() == ("suspend", "example.net", "for 2h; asked to")

    wish = read("override", {"target": "gmx.net", "pool": "bulk", "for": "30m", "rate": "600/min", "connections": "3"})
    assert isinstance(wish, Limit)
    assert wish.order("d", NOW) == Override(
        target="gmx.net", pool="bulk", limits=Limits(connections=3, rate=10.0), since=NOW, until=NOW + 1800, by="d"
    )
    assert wish.told() == ("override", "gmx.net, pool bulk", "3 connections, 10/s for 30m")

    wish = read("end", {"matter": "suspension", "target": "example.net", "pool": "", "why": ""})
    assert isinstance(wish, End)
    assert wish.order("d", NOW) == Ending(matter="suspension", target="example.net", pool=None, since=NOW, by="d")
    assert wish.told() == ("resume", "example.net", "")

    wish = read("cancel", {"delivery_id": "spring sale"})
    assert isinstance(wish, Cancel)
    assert wish.order("d", NOW) == Cancellation(delivery_id="spring sale", since=NOW, by="d")
    assert wish.told() == ("cancel", "delivery spring sale", "")


def test_without_an_end_a_suspension_lasts_until_it_is_resumed() -> None:
    wish = read("suspend", {"target": "example.net", "for": " "})
    assert isinstance(wish, Suspend)
    assert wish.order("d", NOW) == Suspension(target="example.net", pool=None, since=NOW, until=None, by="d")
    assert wish.told()[2] == "until resumed"


@pytest.mark.parametrize(
    ("what", "fields", "faults"),
    [
        ("suspend", {}, ["target: Field required"]),
        (
            "suspend",
            {"target": "x", "for": "soon"},
            ["for: write a whole number up to 999 and s, m, h or d: 30m, 4h or 2d"],
        ),
        (
            "override",
            {"target": "x", "for": "1h"},
            ["name at least one limit: connections, rate or messages_per_connection"],
        ),
        (
            "override",
            {"target": "x", "for": "1h", "rate": "0/s"},
            ["rate: write n/s, n/min or n/h: 10/s, 600/min or 5000/h"],
        ),
        ("override", {"target": "x", "for": "1h", "connections": "0"}, ["connections: must be between 1 and 100,000"]),
        ("end", {"matter": "everything", "target": "x"}, ["matter: Input should be 'suspension' or 'override'"]),
    ],
)
def test_all_faults_of_a_form_are_told_in_words(what: str, fields: dict[str, str], faults: list[str]) -> None:
    assert read(what, fields) == faults


@pytest.mark.parametrize("body", [{"target": "x y"}, {"target": "x\x00"}, {"target": "x", "until": 3}, {"target": 3}])
def test_programs_must_be_exact(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Suspend.model_validate(body)
