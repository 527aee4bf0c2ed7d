"""The fault table: all rows, in the order in which a message meets them."""

from tests.faults import dying

FAULTS = (*dying.FAULTS,)
