-- Kinds of replies that no rule knew, counted over all workers. Times are POSIX seconds.
CREATE TABLE mta.unknown_reply (
    id        text             PRIMARY KEY, -- digest of the next three, for a canonical text may be too long for an index
    code      integer          NOT NULL,
    phase     text             NOT NULL,
    canonical text             NOT NULL,
    count     bigint           NOT NULL,
    first_at  double precision NOT NULL,
    last_at   double precision NOT NULL,
    site      text             NOT NULL,    -- where it was first seen
    example   text             NOT NULL,
    decision  text             NOT NULL     -- to_qualify, keep, ignore
);
