"""Values that tests of several rooms begin with."""

from feedback.log import Face, State

NOW = 1_000_000.0
FACE = Face(
    job_id="j",
    delivery_id="d",
    wave=0,
    tenant="t",
    rcpt_to="a@b.example",
    context={"k": 1},
    test=False,
    expires_at=None,
)
STATE = State(
    face=FACE,
    accepted_at=NOW - 10,
    expires_at=NOW + 3600,
    attempt=1,
    seq=0,
    doubtful=False,
    resent=False,
    last_event=None,
)
