"""The PostgreSQL tracker's statements; the rows of a batch come as one array for each column."""

from feedback.tracker.message import COLUMNS
from feedback.tracker.tick import STEP
from feedback.tracker.wait import ROUNDED

_MESSAGE = ", ".join(COLUMNS)
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS if name not in ("job_id", "delivery_id"))
_QUARANTINE = "address, since, until, type, reason, delivery_id"

# Trackers take turns: what one reads, merges and writes back, no other changes in between.
ALONE = "SELECT pg_advisory_xact_lock(hashtext('campaign-mta tracker apply'))"

MESSAGES = f"SELECT {_MESSAGE} FROM tracker.message WHERE job_id = ANY ($1)"

KEEP = f"""
INSERT INTO tracker.message ({_MESSAGE})
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::integer[], $7::text[],
    $8::integer[], $9::text[], $10::boolean[], $11::float8[], $12::float8[], $13::integer[], $14::integer[],
    $15::integer[], $16::bytea[])
ON CONFLICT (job_id) DO UPDATE SET {_CHANGED}
"""

COUNT = """
INSERT INTO tracker.cell AS c (delivery_id, domain, standing, reason, type, messages)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::bigint[])
ON CONFLICT (delivery_id, domain, standing, reason, type) DO UPDATE SET messages = c.messages + excluded.messages
"""

RECOUNT = """
INSERT INTO tracker.cell (delivery_id, domain, standing, reason, type, messages)
SELECT delivery_id, domain, standing, coalesce(reason, -1), coalesce(type, ''), count(*)
FROM tracker.message WHERE NOT test GROUP BY 1, 2, 3, 4, 5
"""

TICK = """
INSERT INTO tracker.tick AS t (delivery_id, at, standing, messages)
SELECT * FROM unnest($1::text[], $2::float8[], $3::text[], $4::bigint[])
ON CONFLICT (delivery_id, at, standing) DO UPDATE SET messages = t.messages + excluded.messages
"""

RETICK = f"""
INSERT INTO tracker.tick (delivery_id, at, standing, messages)
SELECT delivery_id, floor(at / {STEP}) * {STEP}, standing, count(*) FROM tracker.message WHERE NOT test GROUP BY 1, 2, 3
UNION ALL
SELECT delivery_id, floor(accepted_at / {STEP}) * {STEP}, 'taken', count(*) FROM tracker.message
WHERE NOT test AND accepted_at IS NOT NULL GROUP BY 1, 2
"""

WAIT = """
INSERT INTO tracker.wait AS w (delivery_id, domain, ms, messages)
SELECT * FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[])
ON CONFLICT (delivery_id, domain, ms) DO UPDATE SET messages = w.messages + excluded.messages
"""

REWAIT = f"""
INSERT INTO tracker.wait (delivery_id, domain, ms, messages)
SELECT delivery_id, domain, {ROUNDED.format("length(queued_ms::text)")}, count(*) FROM tracker.message
WHERE NOT test AND standing = 'sent' AND queued_ms IS NOT NULL GROUP BY 1, 2, 3
"""

WAITS = """
SELECT delivery_id, domain, ms, messages FROM tracker.wait
WHERE messages <> 0 AND ($1::text IS NULL OR delivery_id = $1)
"""

CELLS = """
SELECT delivery_id, domain, standing, reason, type, messages FROM tracker.cell
WHERE messages <> 0 AND ($1::text IS NULL OR delivery_id = $1)
"""

REJECT = """
INSERT INTO tracker.rejection (event_id, delivery_id, event)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[]) ON CONFLICT DO NOTHING
"""

BOUNCE = """
INSERT INTO tracker.bounce (address, event_id, at, type, reason, delivery_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::float8[], $4::text[], $5::integer[], $6::text[])
ON CONFLICT DO NOTHING
"""

BOUNCES = "SELECT address, event_id, at, type, reason, delivery_id FROM tracker.bounce WHERE address = ANY ($1)"

SUCCESSES = "SELECT address, at FROM tracker.message WHERE address = ANY ($1) AND standing = 'sent' AND NOT test"

LIFT = "DELETE FROM tracker.quarantine WHERE address = ANY ($1)"

CONFINE = f"""
INSERT INTO tracker.quarantine ({_QUARANTINE})
SELECT * FROM unnest($1::text[], $2::float8[], $3::float8[], $4::text[], $5::integer[], $6::text[])
"""

QUARANTINE = f"SELECT {_QUARANTINE} FROM tracker.quarantine WHERE address = $1"

QUARANTINED = f"SELECT {_QUARANTINE} FROM tracker.quarantine WHERE address > $1 ORDER BY address LIMIT $2"

# From one name to the next along the index, however many messages each has.
DELIVERIES = """
WITH RECURSIVE name AS (
    (SELECT delivery_id FROM tracker.message ORDER BY delivery_id LIMIT 1)
    UNION ALL
    SELECT (SELECT delivery_id FROM tracker.message m WHERE m.delivery_id > name.delivery_id ORDER BY delivery_id LIMIT 1)
    FROM name WHERE delivery_id IS NOT NULL)
SELECT delivery_id FROM name WHERE delivery_id IS NOT NULL
"""

FINALS = """
SELECT job_id, CASE WHEN standing IN ('sent', 'failed', 'cancelled') THEN standing END,
    coalesce(first_final <> last_final, false)
FROM tracker.message WHERE delivery_id = $1 AND job_id > $2 ORDER BY job_id LIMIT $3
"""

FIND = "SELECT event FROM tracker.message WHERE job_id = $1"
