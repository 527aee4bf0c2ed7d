-- When a delivery's messages came to stand as they do, counted by steps of ten seconds: kept in step with the messages, and
-- made anew from them at any time.
CREATE TABLE tracker_tick (
    delivery_id TEXT    NOT NULL,
    at          REAL    NOT NULL, -- where the step begins, POSIX seconds
    standing    TEXT    NOT NULL, -- of the newest event, at its time; or taken, at the time of acceptance
    messages    INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, at, standing)
) WITHOUT ROWID;

INSERT INTO tracker_tick (delivery_id, at, standing, messages)
SELECT delivery_id, CAST(at / 10 AS INTEGER) * 10.0, standing, count(*) FROM tracker_message WHERE NOT test GROUP BY 1, 2, 3
UNION ALL
SELECT delivery_id, CAST(accepted_at / 10 AS INTEGER) * 10.0, 'taken', count(*) FROM tracker_message
WHERE NOT test AND accepted_at IS NOT NULL GROUP BY 1, 2
