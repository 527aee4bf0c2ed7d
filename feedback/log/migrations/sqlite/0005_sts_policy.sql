-- MTA-STS policies in force (RFC 8461), so that they outlive a worker. Times are POSIX seconds.
CREATE TABLE log_sts_policy (
    domain  TEXT NOT NULL PRIMARY KEY,
    id      TEXT NOT NULL, -- its record's, when it was fetched
    mode    TEXT NOT NULL, -- none, testing, enforce
    mx      TEXT NOT NULL, -- patterns, parted by blanks
    max_age REAL NOT NULL, -- seconds
    until   REAL NOT NULL
)
