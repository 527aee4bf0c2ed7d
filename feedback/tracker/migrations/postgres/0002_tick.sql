-- When a delivery's messages came to stand as they do, counted by steps of ten seconds: kept in step with the messages, and
-- made anew from them at any time.
CREATE TABLE tracker.tick (
    delivery_id text COLLATE "C" NOT NULL,
    at          double precision NOT NULL, -- where the step begins, POSIX seconds
    standing    text COLLATE "C" NOT NULL, -- of the newest event, at its time; or taken, at the time of acceptance
    messages    bigint           NOT NULL,
    CONSTRAINT tick_pkey PRIMARY KEY (delivery_id, at, standing)
) WITH (fillfactor = 50);

INSERT INTO tracker.tick (delivery_id, at, standing, messages)
SELECT delivery_id, floor(at / 10) * 10, standing, count(*) FROM tracker.message WHERE NOT test GROUP BY 1, 2, 3
UNION ALL
SELECT delivery_id, floor(accepted_at / 10) * 10, 'taken', count(*) FROM tracker.message
WHERE NOT test AND accepted_at IS NOT NULL GROUP BY 1, 2;
