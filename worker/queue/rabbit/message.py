"""From AMQP messages to tickets, and from tickets to the copies that are parked or rejected."""

import math
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from aiormq import spec

GENERATION = "x-generation"
REST = "x-rest"  # seconds still to wait after this way down the ladder
REASON = "x-reason"
_WAIT = "wait-"  # a headers exchange does not look at names that begin with x-

_REASON_LIMIT = 1000
# Properties must fit into one frame, by default of 128 KiB; a broker hangs up on a larger one.
_PROPERTIES_LIMIT = 120_000
# Told by the broker, not by the publisher.
_COUNTS = ("x-delivery-count", "x-acquired-count")
_JOURNEY = ("x-death", "x-first-death-", "x-last-death-", GENERATION, REST, _WAIT)
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
    given: spec.Basic.Properties,
    headers: Mapping[str, Any],
    *,
    generation: int,
    stays: Sequence[int],
    rest: float = 0.0,
) -> spec.Basic.Properties:
    """The properties of a copy that stays at these rungs of the ladder; `rest`: seconds it is to wait when it has left them.

    Told as a duration, so that no clock that is set can make it wait longer or shorter."""
    properties = _copied(given)
    properties.delivery_mode = 2
    properties.expiration = None
    # The client library tells returned messages apart by this, so that a copy has its own.
    properties.message_id = None
    marks: dict[str, Any] = {wait(rung): True for rung in stays}
    if rest > 0:
        marks |= {REST: math.ceil(rest)}
    return _with_headers(properties, headers, marks | {GENERATION: generation})


def rejected_properties(given: spec.Basic.Properties, headers: Mapping[str, Any], reason: str) -> spec.Basic.Properties:
    """The properties as they came, and the reason."""
    properties = _copied(given)
    text = reason.encode(errors="backslashreplace").decode()
    return _with_headers(properties, headers, {REASON: text[:_REASON_LIMIT]})


def is_transactional(key: str) -> bool:
    """The class of a routing key, as the binding `transactional.#` has it."""
    return key.partition(".")[0] == "transactional"


def routing_key(given: str, *, transactional: bool) -> str:
    """The key by which a ticket comes back that was put away: of its class, and no site's own, since what is due does not
    stand behind what was published for its site meanwhile."""
    word = "transactional" if transactional else "due"
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
