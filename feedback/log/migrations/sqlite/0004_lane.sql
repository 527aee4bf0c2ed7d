-- What the worker knows of each lane.
CREATE TABLE log_lane (
    lane TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    refreshed_at REAL NOT NULL
) WITHOUT ROWID;
-- Every change that was made to a lane without an operator's order. Infinite numbers are NULL.
CREATE TABLE log_change (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    lane TEXT NOT NULL,
    what TEXT NOT NULL,
    was REAL NOT NULL,
    becomes REAL NOT NULL,
    why TEXT NOT NULL,
    until REAL
);
CREATE INDEX log_change_lane ON log_change (lane, id)
