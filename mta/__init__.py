"""Mail out: one message, one attempt, one site at a time.

Imports neither `feedback` nor `worker`.
"""
