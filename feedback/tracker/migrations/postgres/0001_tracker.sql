-- The campaign's delivery log: one row for each message. Times are POSIX seconds.
CREATE TABLE tracker.message (
    job_id      text COLLATE "C" NOT NULL,
    delivery_id text COLLATE "C" NOT NULL,
    address     text COLLATE "C" NOT NULL, -- of the recipient, lower-cased
    domain      text COLLATE "C" NOT NULL,
    test        boolean          NOT NULL, -- kept, but out of every figure
    seq         integer          NOT NULL, -- of the newest event
    standing    text             NOT NULL, -- its kind
    reason      integer,                   -- its qualification's
    type        text,
    in_doubt    boolean          NOT NULL,
    at          double precision NOT NULL,
    accepted_at double precision,
    queued_ms   integer,
    first_final integer,                   -- least and greatest seq of a final event: the same, if all is well
    last_final  integer,
    event       bytea            NOT NULL, -- the newest event, JSON
    CONSTRAINT message_pkey PRIMARY KEY (job_id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX message_of_delivery ON tracker.message (delivery_id, job_id);
CREATE INDEX message_of_address ON tracker.message (address);

-- How many messages stand where: kept in step with the messages, and made anew from them at any time.
CREATE TABLE tracker.cell (
    delivery_id text COLLATE "C" NOT NULL,
    domain      text COLLATE "C" NOT NULL,
    standing    text COLLATE "C" NOT NULL,
    reason      integer          NOT NULL, -- -1: none
    type        text COLLATE "C" NOT NULL, -- empty: none
    messages    bigint           NOT NULL,
    CONSTRAINT cell_pkey PRIMARY KEY (delivery_id, domain, standing, reason, type)
) WITH (fillfactor = 50);

-- Hard and soft errors by address: the facts that quarantine is judged by.
CREATE TABLE tracker.bounce (
    address     text COLLATE "C" NOT NULL,
    event_id    text COLLATE "C" NOT NULL,
    at          double precision NOT NULL,
    type        text             NOT NULL,
    reason      integer          NOT NULL,
    delivery_id text COLLATE "C" NOT NULL,
    CONSTRAINT bounce_pkey PRIMARY KEY (address, event_id)
);

-- The verdict that follows from them.
CREATE TABLE tracker.quarantine (
    address     text COLLATE "C" NOT NULL,
    since       double precision NOT NULL,
    until       double precision,          -- null: without end
    type        text             NOT NULL,
    reason      integer          NOT NULL,
    delivery_id text COLLATE "C" NOT NULL,
    CONSTRAINT quarantine_pkey PRIMARY KEY (address)
);

-- Jobs that were refused at the door: in no sum.
CREATE TABLE tracker.rejection (
    event_id    text COLLATE "C" NOT NULL,
    delivery_id text COLLATE "C" NOT NULL,
    event       bytea            NOT NULL,
    CONSTRAINT rejection_pkey PRIMARY KEY (event_id)
);
