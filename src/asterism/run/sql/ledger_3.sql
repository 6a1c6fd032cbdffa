-- Version 3 of the ledger: publications.

-- How far each publication was when it was last heard of, and since when it fails, if it does. The truth stands where it
-- is published to, in the transaction of the tables; this is for those who ask how things are.
CREATE TABLE _asterism.publications (
    publication TEXT, seq BIGINT, committed_at TIMESTAMP, published_at TIMESTAMP, error TEXT, since TIMESTAMP
);
