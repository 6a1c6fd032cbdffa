-- Version 6 of the ledger: what a step of work was made of.

-- A JSON list, in order: each part with its seconds, how it was done, and rows removed and added.
ALTER TABLE _asterism.runs ADD COLUMN parts TEXT
