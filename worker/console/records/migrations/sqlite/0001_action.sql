-- What was done at the console, and by whom. Nothing is ever changed or taken away. `at` is POSIX seconds.
CREATE TABLE console_action (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at     REAL    NOT NULL,
    who    TEXT    NOT NULL, -- as given at sign-in
    origin TEXT    NOT NULL, -- the address it came from
    what   TEXT    NOT NULL,
    about  TEXT    NOT NULL,
    detail TEXT    NOT NULL
);
