-- Version 1 of the ledger. A later version is a file of its own, ledger_2.sql, that leads from this one to it.

-- How far each source has been read. `seq` numbers its batches, `cursor` is the source's own note (JSON), and `loading`
-- says that an initial load is on its way, whose stars follow at its end.
CREATE TABLE _asterism.cursors (
    source TEXT, seq BIGINT, cursor TEXT, loading BOOLEAN, polled_at TIMESTAMP, reconciled_at TIMESTAMP
);

-- Each table of each batch that was committed: its landed object, the rows in it, and what they changed.
CREATE TABLE _asterism.batches (
    source TEXT, seq BIGINT, table_name TEXT, object TEXT, rows BIGINT, deletions BIGINT, removed BIGINT, added BIGINT,
    polled_at TIMESTAMP, committed_at TIMESTAMP
);

-- The tables that sources land in, with their keys (a JSON list).
CREATE TABLE _asterism.tables (table_name TEXT, source TEXT, key TEXT);

-- Each refresh. Moments only ever grow: valid_from and valid_to of versions are such moments.
CREATE TABLE _asterism.refreshes (seq BIGINT, moment TIMESTAMP, committed_at TIMESTAMP);

-- Each stored table that a model makes: what it was made from, and whether it is current or held at its last good state.
CREATE TABLE _asterism.models (
    model TEXT, fingerprint TEXT, state TEXT, error TEXT, since TIMESTAMP, refreshed_at TIMESTAMP, ticked_at TIMESTAMP
);

-- Steps of work, for people to read.
CREATE TABLE _asterism.runs (
    run_id TEXT, verb TEXT, step TEXT, started_at TIMESTAMP, seconds DOUBLE, status TEXT, removed BIGINT, added BIGINT,
    error TEXT
);
