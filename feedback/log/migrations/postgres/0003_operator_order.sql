-- What operators have ordered, each order as it was given: of those on one matter, target and pool the last one holds.
-- Nothing is ever changed or taken away. Times are POSIX seconds.
CREATE TABLE mta.operator_order (
    id                      bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    matter                  text             NOT NULL, -- suspension, override, cancellation
    ends                    boolean          NOT NULL, -- ends the order before it
    target                  text             NOT NULL, -- a site, domain, lane or glob; of a cancellation, the delivery
    pool                    text,                      -- null: all pools
    since                   double precision NOT NULL,
    until                   double precision,          -- null: until it is ended
    connections             integer,
    rate                    double precision,          -- messages a second
    messages_per_connection integer,
    given_by                text             NOT NULL, -- user@host
    why                     text             NOT NULL
);

CREATE INDEX operator_order_newest ON mta.operator_order (matter, target, pool, id);

-- The jobs of a cancelled delivery that are still to be settled, however many are settled already.
CREATE INDEX job_unsettled ON mta.job (delivery_id) WHERE final IS NULL;
