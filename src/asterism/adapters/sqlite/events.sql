-- The file of the event store. A record's row is found by its place; what views wrote beside it stands in `beside`.
CREATE TABLE IF NOT EXISTS events (
    stream TEXT NOT NULL,
    key TEXT NOT NULL,
    at TEXT NOT NULL, -- ISO 8601 with microseconds: texts sort as their times do
    id TEXT NOT NULL,
    cells BLOB NOT NULL, -- a JSON object of columns
    PRIMARY KEY (stream, key, at, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS beside (
    stream TEXT NOT NULL,
    key TEXT NOT NULL,
    at TEXT NOT NULL,
    id TEXT NOT NULL,
    family TEXT NOT NULL,
    fence INTEGER NOT NULL,
    cells BLOB NOT NULL,
    PRIMARY KEY (stream, key, at, id, family)
) WITHOUT ROWID;
