-- How many attempts were answered hard at each site, over all workers: fading counts of the latest attempts, of recent ones and
-- of what is usual, as they stood at `at`. Times are POSIX seconds.
CREATE TABLE log_weather (
    site         TEXT PRIMARY KEY,
    latest       REAL NOT NULL,
    latest_hard  REAL NOT NULL,
    recent       REAL NOT NULL,
    recent_hard  REAL NOT NULL,
    usual        REAL NOT NULL,
    usual_hard   REAL NOT NULL,
    at           REAL NOT NULL,
    stormy_since REAL -- null: fair
)
