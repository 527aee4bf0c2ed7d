-- What operators have ordered, each order as it was given: of those on one matter, target and pool the last one holds.
-- Nothing is ever changed or taken away. Times are POSIX seconds; booleans are 0 and 1.
CREATE TABLE log_operator_order (
    id                      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    matter                  TEXT    NOT NULL, -- suspension, override, cancellation
    ends                    INTEGER NOT NULL, -- ends the order before it
    target                  TEXT    NOT NULL, -- a site, domain, lane or glob; of a cancellation, the delivery
    pool                    TEXT,             -- null: all pools
    since                   REAL    NOT NULL,
    until                   REAL,             -- null: until it is ended
    connections             INTEGER,
    rate                    REAL,             -- messages a second
    messages_per_connection INTEGER,
    given_by                TEXT    NOT NULL, -- user@host
    why                     TEXT    NOT NULL
);
CREATE INDEX log_operator_order_newest ON log_operator_order (matter, target, pool, id);
-- The jobs of a cancelled delivery that are still to be settled, however many are settled already.
CREATE INDEX log_job_unsettled ON log_job (delivery_id) WHERE final IS NULL
