-- Kinds of replies that no rule knew. Times are POSIX seconds.
CREATE TABLE log_unknown_reply (
    id        TEXT    NOT NULL PRIMARY KEY, -- digest of the next three
    code      INTEGER NOT NULL,
    phase     TEXT    NOT NULL,
    canonical TEXT    NOT NULL,
    count     INTEGER NOT NULL,
    first_at  REAL    NOT NULL,
    last_at   REAL    NOT NULL,
    site      TEXT    NOT NULL,             -- where it was first seen
    example   TEXT    NOT NULL,
    decision  TEXT    NOT NULL              -- to_qualify, keep, ignore
)
