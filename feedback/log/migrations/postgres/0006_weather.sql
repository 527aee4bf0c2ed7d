-- How many attempts were answered hard at each site, over all workers: fading counts of the latest attempts, of recent ones and
-- of what is usual, as they stood at `at`. Times are POSIX seconds.
CREATE TABLE mta.weather (
    site         text             PRIMARY KEY,
    latest       double precision NOT NULL,
    latest_hard  double precision NOT NULL,
    recent       double precision NOT NULL,
    recent_hard  double precision NOT NULL,
    usual        double precision NOT NULL,
    usual_hard   double precision NOT NULL,
    at           double precision NOT NULL,
    stormy_since double precision           -- null: fair
);
CREATE INDEX weather_stormy ON mta.weather (site) WHERE stormy_since IS NOT NULL;
