-- How long sent messages took from acceptance to delivery, counted by milliseconds rounded down to two figures: kept in step with
-- the messages, and made anew from them at any time.
CREATE TABLE tracker_wait (
    delivery_id TEXT    NOT NULL,
    domain      TEXT    NOT NULL,
    ms          INTEGER NOT NULL,
    messages    INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, domain, ms)
) WITHOUT ROWID;

INSERT INTO tracker_wait (delivery_id, domain, ms, messages)
SELECT delivery_id, domain, queued_ms - queued_ms % CAST(substr('1000000000', 1,
    CASE WHEN queued_ms < 100 THEN 1 ELSE length(queued_ms) - 1 END) AS integer), count(*)
FROM tracker_message WHERE NOT test AND standing = 'sent' AND queued_ms IS NOT NULL GROUP BY 1, 2, 3;
