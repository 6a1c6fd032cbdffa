-- The file of the live views. A state that was dropped stays for an hour as a row without a value, so that watchers are
-- told; its position is when that was, in seconds since 1970.
CREATE TABLE IF NOT EXISTS views (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    offsets TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS states (
    view INTEGER NOT NULL,
    key TEXT NOT NULL,
    win TEXT NOT NULL,
    value BLOB,
    part TEXT NOT NULL,
    position TEXT NOT NULL, -- as text: those of brokers are wider than 64 bits
    version INTEGER NOT NULL,
    PRIMARY KEY (view, key, win)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS changes ON states (view, version);
CREATE INDEX IF NOT EXISTS drops ON states (position) WHERE value IS NULL;
