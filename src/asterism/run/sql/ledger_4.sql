-- Version 4 of the ledger: checks that rows fail.

-- The checks of a model (`-- check: … or warn`) that some row fails, with what is wrong and since when. A check that
-- passes again is not here. Checks that stop are not here either: their model is held, and `models` says why.
CREATE TABLE _asterism.warnings (model TEXT, condition TEXT, error TEXT, since TIMESTAMP);
