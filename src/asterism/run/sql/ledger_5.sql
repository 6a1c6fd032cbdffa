-- Version 5 of the ledger: incidents.

-- What has gone wrong, once each: a step that failed, an objective that was missed, a quarantine that grew, a disk that
-- filled. Without `over_at` it lasts. `last_good` is when it was last well. `told` and `told_over` are JSON lists of who
-- has been told of its beginning and of its end: digests of addresses, for addresses hold passwords.
CREATE TABLE _asterism.incidents (
    kind TEXT, subject TEXT, fact TEXT, remedy TEXT, since TIMESTAMP, last_good TIMESTAMP, over_at TIMESTAMP, told TEXT,
    told_over TEXT
);
