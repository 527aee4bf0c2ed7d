-- What people are told of a job's way. Holds before its attempts are in its row, as JSON; none: it was never held.
ALTER TABLE log_job ADD COLUMN holds BLOB;

-- Attempts that failed or came after one that did, and a sample of the others, as JSON; they go with their job.
CREATE TABLE log_attempt (
    job_id  TEXT    NOT NULL,
    attempt INTEGER NOT NULL,
    story   BLOB    NOT NULL,
    PRIMARY KEY (job_id, attempt)
) WITHOUT ROWID;
