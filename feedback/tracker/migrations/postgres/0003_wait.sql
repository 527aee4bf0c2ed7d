-- How long sent messages took from acceptance to delivery, counted by milliseconds rounded down to two figures: kept in step with
-- the messages, and made anew from them at any time.
CREATE TABLE tracker.wait (
    delivery_id text COLLATE "C" NOT NULL,
    domain      text COLLATE "C" NOT NULL,
    ms          integer          NOT NULL,
    messages    bigint           NOT NULL,
    CONSTRAINT wait_pkey PRIMARY KEY (delivery_id, domain, ms)
) WITH (fillfactor = 50);

INSERT INTO tracker.wait (delivery_id, domain, ms, messages)
SELECT delivery_id, domain, queued_ms - queued_ms % CAST(substr('1000000000', 1,
    CASE WHEN queued_ms < 100 THEN 1 ELSE length(queued_ms::text) - 1 END) AS integer), count(*)
FROM tracker.message WHERE NOT test AND standing = 'sent' AND queued_ms IS NOT NULL GROUP BY 1, 2, 3;
