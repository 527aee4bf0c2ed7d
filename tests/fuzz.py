"""How long fuzzing goes on: `CAMPAIGN_MTA_FUZZ=1000000 pytest tests/unit -k fuzz` for a million inputs to each target."""

import os

from hypothesis import HealthCheck, settings

fuzzed = settings(
    max_examples=int(os.environ.get("CAMPAIGN_MTA_FUZZ", "300")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
