-- Whether a status was put right: a step that the contract does not have, by who may correct. What
-- came before this column says no.
ALTER TABLE events ADD COLUMN correction INTEGER NOT NULL DEFAULT 0;
