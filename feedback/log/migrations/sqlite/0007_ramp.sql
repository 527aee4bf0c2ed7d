-- Where each egress source stands in its warming up towards a site.
CREATE TABLE log_ramp (
    lane TEXT PRIMARY KEY,
    ramp TEXT NOT NULL
) WITHOUT ROWID
