-- Where each egress source stands in its warming up towards a site.
CREATE TABLE mta.ramp (
    lane text PRIMARY KEY,
    ramp text NOT NULL
) WITH (fillfactor = 60);
