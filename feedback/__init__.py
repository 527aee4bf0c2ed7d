"""What an attempt meant: qualification, feedback events, the delivery log, the reference tracker.

Imports `mta` only for the attempt and the reply.
"""
