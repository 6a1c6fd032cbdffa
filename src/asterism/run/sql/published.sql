-- What stands in a database that is published to. It is written in the transaction of the tables it speaks of.

-- How far each publication follows its warehouse: the refresh (`seq`, and when that was committed, which tells one
-- warehouse's history from another's), the `moment` of the data, when it arrived here, and the tables (JSON: a model's
-- name, and the digest of its table's form; empty where the table is not current).
CREATE TABLE _asterism.published (
    publication TEXT PRIMARY KEY, seq BIGINT NOT NULL, committed_at TIMESTAMP NOT NULL, moment TIMESTAMP NOT NULL,
    published_at TIMESTAMP NOT NULL, tables TEXT NOT NULL
);
