"""The fault table: all rows, in the order in which a message meets them."""

from tests.faults import broker, disk, dying, receiver, resolver, stopping, store, ticket

FAULTS = tuple(
    fault for room in (ticket, dying, stopping, broker, store, disk, resolver, receiver) for fault in room.FAULTS
)
