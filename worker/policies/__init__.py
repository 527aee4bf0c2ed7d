"""MTA-STS policies kept in the store, so that they hold over a worker's end and are known to the next one.

`postgres` and `sqlite` are adapters of `mta.routing.book.PolicyStore`, held to one conformance suite.
"""
