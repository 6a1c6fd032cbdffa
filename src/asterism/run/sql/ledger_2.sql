-- Version 2 of the ledger: reports that are sent by the clock.

-- Each tick of a report that is done with, and who it went to (a JSON list). Without `sent_at`: when the report was first
-- looked at, for no tick before that is made up.
CREATE TABLE _asterism.reports (report TEXT, tick TIMESTAMP, sent_at TIMESTAMP, recipients TEXT);
