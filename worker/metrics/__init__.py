"""What a worker tells those who watch it: numbers for Prometheus, and whether it lives and takes jobs.

The rooms count for themselves, in plain numbers; the collector looks at them when it is asked.
"""
