-- The campaign's delivery log: one row for each message. Times are POSIX seconds, booleans are 0 and 1.
CREATE TABLE tracker_message (
    job_id      TEXT    NOT NULL PRIMARY KEY,
    delivery_id TEXT    NOT NULL,
    address     TEXT    NOT NULL, -- of the recipient, lower-cased
    domain      TEXT    NOT NULL,
    test        INTEGER NOT NULL, -- kept, but out of every figure
    seq         INTEGER NOT NULL, -- of the newest event
    standing    TEXT    NOT NULL, -- its kind
    reason      INTEGER,          -- its qualification's
    type        TEXT,
    in_doubt    INTEGER NOT NULL,
    at          REAL    NOT NULL,
    accepted_at REAL,
    queued_ms   INTEGER,
    first_final INTEGER,          -- least and greatest seq of a final event: the same, if all is well
    last_final  INTEGER,
    event       BLOB    NOT NULL  -- the newest event, JSON
);
CREATE INDEX tracker_message_of_delivery ON tracker_message (delivery_id, job_id);
CREATE INDEX tracker_message_of_address ON tracker_message (address);

-- How many messages stand where: kept in step with the messages, and made anew from them at any time.
CREATE TABLE tracker_cell (
    delivery_id TEXT    NOT NULL,
    domain      TEXT    NOT NULL,
    standing    TEXT    NOT NULL,
    reason      INTEGER NOT NULL, -- -1: none
    type        TEXT    NOT NULL, -- empty: none
    messages    INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, domain, standing, reason, type)
) WITHOUT ROWID;

-- Hard and soft errors by address: the facts that quarantine is judged by.
CREATE TABLE tracker_bounce (
    address     TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    at          REAL    NOT NULL,
    type        TEXT    NOT NULL,
    reason      INTEGER NOT NULL,
    delivery_id TEXT    NOT NULL,
    PRIMARY KEY (address, event_id)
) WITHOUT ROWID;

-- The verdict that follows from them.
CREATE TABLE tracker_quarantine (
    address     TEXT    NOT NULL PRIMARY KEY,
    since       REAL    NOT NULL,
    until       REAL,             -- null: without end
    type        TEXT    NOT NULL,
    reason      INTEGER NOT NULL,
    delivery_id TEXT    NOT NULL
);

-- Jobs that were refused at the door: in no sum.
CREATE TABLE tracker_rejection (
    event_id    TEXT NOT NULL PRIMARY KEY,
    delivery_id TEXT NOT NULL,
    event       BLOB NOT NULL
);
