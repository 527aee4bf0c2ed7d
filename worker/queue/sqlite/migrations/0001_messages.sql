-- Messages of the embedded queue. A message that waits comes up at `due`; one that was published comes up at once, and its
-- `due` only says whose turn it is. Numbers are never given twice, so that an old receipt cannot finish a new message.
CREATE TABLE queue_message (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    due REAL NOT NULL,
    parked INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    content_type TEXT,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX queue_message_turn ON queue_message (queue, due, number);
CREATE INDEX queue_message_published ON queue_message (queue, number) WHERE NOT parked;
