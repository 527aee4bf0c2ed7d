"""The fault table: all rows, in the order in which a message meets them."""

from tests.faults import broker, disk, dying, receiver, resolver, site, stopping, store, ticket

FAULTS = tuple(
    fault for room in (ticket, dying, stopping, broker, site, store, disk, resolver, receiver) for fault in room.FAULTS
)
