"""From AMQP messages to tickets, and from tickets to the copies that are parked or rejected."""

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from aiormq import spec

GENERATION = "x-generation"
DUE = "x-due"
PROBE = "x-probe"
REASON = "x-reason"
_WAIT = "wait-"  # a headers exchange does not look at names that begin with x-

_REASON_LIMIT = 1000
# Properties must fit into one frame, by default of 128 KiB; a broker hangs up on a larger one.
_PROPERTIES_LIMIT = 120_000
# Told by the broker, not by the publisher.
_COUNTS = ("x-delivery-count", "x-acquired-count")
_JOURNEY = ("x-death", "x-first-death-", "x-last-death-", GENERATION, DUE, _WAIT)
# A copy that carried these would be routed once more by them.
_ROUTES = ("CC", "BCC")


def wait(rung: int) -> str:
    """The header that has a message stay at a rung."""
    return f"{_WAIT}{rung}"


def published_headers(headers: Mapping[str, Any] | None, *, parked: bool) -> dict[str, Any]:
    """The headers as the campaign gave them, without what the broker and, on a parked copy, this adapter added."""
    return {
        name: value
        for name, value in (headers or {}).items()
        if name not in _COUNTS and not (parked and name.startswith(_JOURNEY))
    }


def whole(value: Any) -> int:
    """An integer header, 0 when it is none."""
    return value if isinstance(value, int) else 0


def parked_properties(
    given: spec.Basic.Properties, headers: Mapping[str, Any], *, generation: int, due: float, stays: Sequence[int]
) -> spec.Basic.Properties:
    """The properties of a copy that comes up at `due` (POSIX seconds) and stays at these rungs of the ladder."""
    properties = _copied(given)
    properties.delivery_mode = 2
    properties.expiration = None
    # The client library tells returned messages apart by this, so that a copy has its own.
    properties.message_id = None
    marks = {wait(rung): True for rung in stays}
    return _with_headers(properties, headers, marks | {GENERATION: generation, DUE: round(due * 1000)})


def rejected_properties(given: spec.Basic.Properties, headers: Mapping[str, Any], reason: str) -> spec.Basic.Properties:
    """The properties as they came, and the reason."""
    properties = _copied(given)
    text = reason.encode(errors="backslashreplace").decode()
    return _with_headers(properties, headers, {REASON: text[:_REASON_LIMIT]})


def is_transactional(key: str) -> bool:
    """The class of a routing key, as the binding `transactional.#` has it."""
    return key.partition(".")[0] == "transactional"


def routing_key(given: str, *, transactional: bool) -> str:
    """A key of the wanted class, as near as can be to the one that the ticket came with."""
    if is_transactional(given) == transactional:
        return given
    word = "transactional" if transactional else "bulk"
    key = f"{word}.{given.partition('.')[2]}"
    return key if len(key.encode()) <= 255 else word


def _copied(given: spec.Basic.Properties) -> spec.Basic.Properties:
    properties = copy(given)
    # The broker refuses a copy in another user's name.
    properties.user_id = None
    return properties


def _with_headers(
    properties: spec.Basic.Properties, given: Mapping[str, Any], ours: dict[str, Any]
) -> spec.Basic.Properties:
    """With the headers given and ours; where both do not fit into a frame, without the longest of those given."""
    headers = {name: value for name, value in given.items() if name not in _ROUTES} | ours
    properties.headers = headers
    excess = len(properties.marshal()) - _PROPERTIES_LIMIT
    for name in sorted(headers.keys() - ours.keys(), key=lambda name: len(str(headers[name])), reverse=True):
        if excess <= 0:
            break
        excess -= len(str(headers.pop(name)))
    return properties
