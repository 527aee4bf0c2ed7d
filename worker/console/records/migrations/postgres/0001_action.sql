-- What was done at the console, and by whom. Nothing is ever changed or taken away. `at` is POSIX seconds.
CREATE TABLE console.action (
    id     bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at     double precision NOT NULL,
    who    text             NOT NULL, -- as given at sign-in
    origin text             NOT NULL, -- the address it came from
    what   text             NOT NULL,
    about  text             NOT NULL,
    detail text             NOT NULL
);
