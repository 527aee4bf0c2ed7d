-- MTA-STS policies in force (RFC 8461), so that they outlive a worker. Times are POSIX seconds.
CREATE TABLE mta.sts_policy (
    domain  text             PRIMARY KEY,
    id      text             NOT NULL, -- its record's, when it was fetched
    mode    text             NOT NULL, -- none, testing, enforce
    mx      text             NOT NULL, -- patterns, parted by blanks
    max_age double precision NOT NULL, -- seconds
    until   double precision NOT NULL
);
