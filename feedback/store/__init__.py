"""What the delivery log and the tracker share of their databases: connections, migrations, and being away."""


class StoreAway(Exception):
    """The store cannot be reached, or broke off: nothing is known to have happened. Try again later."""


class NewerStore(Exception):
    """A newer program has changed the store in ways that this one does not know, so this one had better not write to it."""
