-- What people are told of a job's way. Holds before its attempts are in its row, as JSON; none: it was never held.
ALTER TABLE mta.job ADD COLUMN holds bytea;

-- Attempts that failed or came after one that did, and a sample of the others, as JSON; they go with their job.
CREATE TABLE mta.attempt (
    job_id  text COLLATE "C" NOT NULL,
    attempt integer          NOT NULL,
    story   bytea            NOT NULL,
    CONSTRAINT attempt_pkey PRIMARY KEY (job_id, attempt)
);
