-- Worker processes that are signed on. A process is alive while it beats: `expires_at` lies a lease ahead of its last beat.
-- `steady_since` is where its present run of unbroken beats began; it must have been in touch for a whole lease before
-- it may call another one dead, so that after an outage of the store nobody is robbed for not having reached it.
CREATE TABLE mta.worker (
    id           uuid PRIMARY KEY,
    name         text        NOT NULL,
    lease        interval    NOT NULL,
    expires_at   timestamptz NOT NULL,
    steady_since timestamptz NOT NULL
) WITH (fillfactor = 50);

-- One row for each accepted job. Times are POSIX seconds, as the worker's clock gave them.
CREATE TABLE mta.job (
    job_id      text COLLATE "C" NOT NULL,
    delivery_id text COLLATE "C" NOT NULL,
    test        boolean          NOT NULL,
    face        bytea            NOT NULL,              -- the job without its message, JSON
    accepted_at double precision NOT NULL,
    expires_at  double precision NOT NULL,
    attempt     integer          NOT NULL DEFAULT 0,    -- attempts begun
    seq         integer          NOT NULL DEFAULT 0,    -- of the newest event; 0 = accepted
    doubtful    boolean          NOT NULL DEFAULT false, -- the receiver may have taken it without our knowing
    resent      boolean          NOT NULL DEFAULT false, -- its one doubtful repeat is spent
    undecided   boolean          NOT NULL DEFAULT false, -- in doubt, and nothing decided about it yet
    announced   boolean          NOT NULL DEFAULT false, -- handed back once: its accepted event is out
    intent      boolean          NOT NULL DEFAULT false, -- the final dot was about to leave, no outcome yet
    parked      boolean          NOT NULL DEFAULT false, -- the retry ticket of event `seq` is queued
    swept       boolean          NOT NULL DEFAULT false, -- claimed without a ticket
    retry_at    double precision,
    final       text,                                   -- sent, failed, cancelled
    settled_at  double precision,
    owner       uuid,                                   -- the worker process that has it in hand
    publisher   uuid,                                   -- settled without a ticket: who is to publish the final event
    event       bytea,                                  -- the newest event, JSON
    CONSTRAINT job_pkey PRIMARY KEY (job_id)
) WITH (
    -- Room on each page for the versions that claim, intent and release make: none of them touches an indexed column.
    fillfactor = 70,
    -- Look at it by its growth, not by its size.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);

CREATE INDEX job_of_delivery ON mta.job (delivery_id, job_id);
CREATE INDEX job_open ON mta.job (expires_at) WHERE final IS NULL;
CREATE INDEX job_unpublished ON mta.job (settled_at) WHERE publisher IS NOT NULL;
CREATE INDEX job_settled ON mta.job (settled_at) WHERE settled_at IS NOT NULL;
