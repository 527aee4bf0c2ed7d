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
    properties.headers = _kept(headers) | marks | {GENERATION: generation, DUE: round(due * 1000)}
    return properties


def rejected_properties(given: spec.Basic.Properties, headers: Mapping[str, Any], reason: str) -> spec.Basic.Properties:
    """The properties as they came, and the reason."""
    properties = _copied(given)
    text = reason.encode(errors="backslashreplace").decode()
    properties.headers = _kept(headers) | {REASON: text[:_REASON_LIMIT]}
    return properties


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


def _kept(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if name not in _ROUTES}
