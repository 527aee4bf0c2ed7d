"""The PostgreSQL adapter's statements. Each is one batch and, but for taking over rows that exist, one round trip.

Rows are locked in the order of their keys, so that workers with overlapping batches cannot deadlock.
"""

from feedback.log.row import COLUMNS

_ROW = ", ".join("owner::text AS owner" if name == "owner" else name for name in COLUMNS)

# Losing one of these in a crash of the server costs a repeat at most, so they need not wait for the disk.
_RELAXED = "(SELECT set_config('synchronous_commit', 'off', true)) AS relaxed"

BEAT = """
INSERT INTO mta.worker AS w (id, name, lease, expires_at, steady_since)
VALUES ($1, $2, $3, clock_timestamp() + $3, clock_timestamp())
ON CONFLICT (id) DO UPDATE SET
    steady_since = CASE WHEN w.expires_at < clock_timestamp() THEN clock_timestamp() ELSE w.steady_since END,
    expires_at = clock_timestamp() + w.lease
"""

SIGN_OFF = "DELETE FROM mta.worker WHERE id = $1"

BURY = "DELETE FROM mta.worker WHERE expires_at < clock_timestamp() - interval '1 day'"

# $1 is who asks: it must have been in touch for a whole lease before a worker that missed its beats counts as dead.
ALIVE = """
SELECT id::text FROM mta.worker
WHERE expires_at > clock_timestamp()
   OR clock_timestamp() < lease + coalesce((SELECT steady_since FROM mta.worker WHERE id = $1), 'infinity')
"""

CREATE = """
INSERT INTO mta.job (job_id, delivery_id, test, face, expires_at, accepted_at, owner)
SELECT job_id, delivery_id, test, face, expires_at, $6, $7
FROM unnest($1::text[], $2::text[], $3::boolean[], $4::bytea[], $5::float8[])
    AS new (job_id, delivery_id, test, face, expires_at)
ORDER BY job_id
ON CONFLICT (job_id) DO NOTHING
RETURNING job_id
"""

LOCK = f"SELECT {_ROW} FROM mta.job WHERE job_id = ANY ($1) ORDER BY job_id FOR UPDATE"

# In nobody's hands: $2 lives, $3 is in the hands of $4, who asks.
_FREE = "NOT job_id = ANY ($3) AND (owner IS NULL OR owner = $4 OR NOT owner = ANY ($2::uuid[]))"

LOCK_DUE = f"""
SELECT {_ROW} FROM mta.job WHERE final IS NULL AND expires_at <= $1 AND {_FREE} ORDER BY expires_at LIMIT $5
FOR UPDATE SKIP LOCKED
"""

LOCK_UNSETTLED = f"""
SELECT {_ROW} FROM mta.job WHERE final IS NULL AND delivery_id = ANY ($1) AND {_FREE} LIMIT $5
FOR UPDATE SKIP LOCKED
"""

TAKE = """
UPDATE mta.job SET owner = $2, swept = $3, undecided = undecided OR intent, doubtful = doubtful OR intent, intent = false
WHERE job_id = ANY ($1)
"""

INTEND = """
WITH mine AS MATERIALIZED (
    SELECT job_id, dot.attempt
    FROM unnest($1::text[], $2::integer[]) AS dot (job_id, attempt) JOIN mta.job USING (job_id)
    WHERE owner = $3 ORDER BY job_id FOR UPDATE OF job)
UPDATE mta.job SET intent = true, undecided = false, attempt = mine.attempt, resent = resent OR doubtful
FROM mine WHERE job.job_id = mine.job_id
RETURNING job.job_id
"""

RELEASE = f"""
WITH mine AS MATERIALIZED (
    SELECT job_id, back.attempt, coalesce(back.holds, job.holds) AS holds
    FROM unnest($1::text[], $2::integer[], $3::bytea[]) AS back (job_id, attempt, holds) JOIN mta.job USING (job_id)
    WHERE owner = $4 ORDER BY job_id FOR UPDATE OF job)
UPDATE mta.job SET owner = NULL, intent = false, announced = true, attempt = mine.attempt, holds = mine.holds
FROM mine, {_RELAXED} WHERE job.job_id = mine.job_id
"""

FORSAKE = "UPDATE mta.job SET owner = NULL WHERE job_id = ANY ($1) AND owner = $2"

# An outcome that stands there already was written by an earlier try whose answer was lost.
RECORD = """
WITH written AS MATERIALIZED (
    SELECT o.*, coalesce(job.owner = $9, false) AS mine
    FROM unnest($1::text[], $2::integer[], $3::integer[], $4::bytea[], $5::text[], $6::float8[], $7::boolean[], $8::bytea[])
        AS o (job_id, seq, attempt, event, final, retry_at, doubtful, story) JOIN mta.job USING (job_id)
    WHERE job.owner = $9 OR (job.seq = o.seq AND job.event = o.event)
    ORDER BY job_id FOR UPDATE OF job),
now_written AS (
    UPDATE mta.job SET
        seq = o.seq, attempt = o.attempt, event = o.event, final = o.final, retry_at = o.retry_at,
        doubtful = job.doubtful OR o.doubtful, owner = NULL, intent = false, undecided = false, parked = false,
        settled_at = CASE WHEN o.final IS NOT NULL THEN extract(epoch FROM clock_timestamp()) END,
        publisher = CASE WHEN o.final IS NOT NULL AND job.swept THEN $9::uuid END
    FROM written o WHERE job.job_id = o.job_id AND o.mine),
told AS (
    INSERT INTO mta.attempt (job_id, attempt, story)
    SELECT job_id, attempt, story FROM written WHERE mine AND story IS NOT NULL ON CONFLICT DO NOTHING)
SELECT job_id FROM written
"""

PARKED = f"""
WITH known AS MATERIALIZED (
    SELECT job_id
    FROM unnest($1::text[], $2::integer[]) AS ticket (job_id, seq) JOIN mta.job USING (job_id)
    WHERE job.seq = ticket.seq AND final IS NULL ORDER BY job_id FOR UPDATE OF job)
UPDATE mta.job SET parked = true FROM known, {_RELAXED} WHERE job.job_id = known.job_id
"""

UNPUBLISHED = f"""
SELECT event FROM mta.job WHERE publisher IS NOT NULL AND NOT publisher::text IN ({ALIVE}) ORDER BY settled_at LIMIT $2
"""

PUBLISHED = f"""
WITH known AS MATERIALIZED (
    SELECT job_id FROM mta.job WHERE job_id = ANY ($1) AND publisher IS NOT NULL ORDER BY job_id FOR UPDATE)
UPDATE mta.job SET publisher = NULL FROM known, {_RELAXED} WHERE job.job_id = known.job_id
"""

FORGET = """
WITH old AS MATERIALIZED (
    SELECT job_id FROM mta.job WHERE settled_at < $1 AND publisher IS NULL LIMIT $2 FOR UPDATE SKIP LOCKED),
untold AS (DELETE FROM mta.attempt WHERE job_id = ANY (ARRAY(SELECT job_id FROM old)))
DELETE FROM mta.job WHERE job_id = ANY (ARRAY(SELECT job_id FROM old))
"""

TALLY = """
SELECT delivery_id, count(*) AS accepted, count(*) FILTER (WHERE final = 'sent') AS sent,
    count(*) FILTER (WHERE final = 'failed') AS failed, count(*) FILTER (WHERE final = 'cancelled') AS cancelled,
    count(*) FILTER (WHERE final IS NULL) AS in_flight
FROM mta.job WHERE NOT test AND ($1::text IS NULL OR delivery_id = $1)
GROUP BY delivery_id ORDER BY delivery_id
"""

FINALS = "SELECT job_id, final FROM mta.job WHERE delivery_id = $1 AND job_id > $2 ORDER BY job_id LIMIT $3"

ATTEMPTS = "SELECT story FROM mta.attempt WHERE job_id = $1 ORDER BY attempt"
