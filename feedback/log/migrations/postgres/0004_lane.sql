-- What all workers know of each lane, and the leases they hold of it: written about once a second by each worker that sends
-- there, so rows are updated in place, on pages with room for it.
CREATE TABLE mta.lane (
    lane text PRIMARY KEY,
    account text NOT NULL,
    refreshed_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.5);

-- Every change that was made to a lane without an operator's order.
CREATE TABLE mta.change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at float8 NOT NULL,
    lane text NOT NULL,
    what text NOT NULL,
    was float8 NOT NULL,
    becomes float8 NOT NULL,
    why text NOT NULL,
    until float8
);
CREATE INDEX change_lane ON mta.change (lane, id);
