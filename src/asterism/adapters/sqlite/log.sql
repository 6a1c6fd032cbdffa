-- The file of the log. Each stream has a table `records_<id>` of its own, clustered by position.

-- One row: the name of this log's one partition. A log that was made anew has another, so that positions of the old one
-- mean nothing in it.
CREATE TABLE IF NOT EXISTS self (part TEXT NOT NULL);
INSERT INTO self SELECT lower(hex(randomblob(8))) WHERE NOT EXISTS (SELECT 1 FROM self);

-- `last` is the last position ever given; `records` and `size` count what is kept.
CREATE TABLE IF NOT EXISTS streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last INTEGER NOT NULL DEFAULT 0,
    records INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL DEFAULT 0
);

-- The ids that producers gave, each until it is forgotten (microseconds since 1970).
CREATE TABLE IF NOT EXISTS ids (
    stream INTEGER NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ids_until ON ids (stream, until);

CREATE TABLE IF NOT EXISTS consumers (
    stream INTEGER NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (stream, name)
) WITHOUT ROWID;
