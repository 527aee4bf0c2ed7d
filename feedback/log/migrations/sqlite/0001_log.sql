-- One row for each accepted job. Times are POSIX seconds, as the worker's clock gave them; booleans are 0 and 1.
CREATE TABLE log_job (
    job_id      TEXT    NOT NULL PRIMARY KEY,
    delivery_id TEXT    NOT NULL,
    test        INTEGER NOT NULL,
    face        BLOB    NOT NULL,           -- the job without its message, JSON
    accepted_at REAL    NOT NULL,
    expires_at  REAL    NOT NULL,
    attempt     INTEGER NOT NULL DEFAULT 0, -- attempts begun
    seq         INTEGER NOT NULL DEFAULT 0, -- of the newest event; 0 = accepted
    doubtful    INTEGER NOT NULL DEFAULT 0, -- the receiver may have taken it without our knowing
    resent      INTEGER NOT NULL DEFAULT 0, -- its one doubtful repeat is spent
    undecided   INTEGER NOT NULL DEFAULT 0, -- in doubt, and nothing decided about it yet
    announced   INTEGER NOT NULL DEFAULT 0, -- handed back once: its accepted event is out
    intent      INTEGER NOT NULL DEFAULT 0, -- the final dot was about to leave, no outcome yet
    parked      INTEGER NOT NULL DEFAULT 0, -- the retry ticket of event seq is queued
    swept       INTEGER NOT NULL DEFAULT 0, -- claimed without a ticket
    retry_at    REAL,
    final       TEXT,                       -- sent, failed, cancelled
    settled_at  REAL,
    owner       TEXT,                       -- the worker process that has it in hand
    publisher   TEXT,                       -- settled without a ticket: who is to publish the final event
    event       BLOB                        -- the newest event, JSON
);
CREATE INDEX log_job_of_delivery ON log_job (delivery_id, job_id);
CREATE INDEX log_job_open ON log_job (expires_at) WHERE final IS NULL;
CREATE INDEX log_job_unpublished ON log_job (settled_at) WHERE publisher IS NOT NULL;
CREATE INDEX log_job_settled ON log_job (settled_at) WHERE final IS NOT NULL;
