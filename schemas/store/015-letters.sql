-- Refused messages that went to the dead letters, whole, so that they can be published again once
-- what was wrong is mended; and, of a refusal, when that was done. bytes is what a row counts for,
-- see STORE_LETTERS_BYTES. A letter goes with its refusal.
CREATE TABLE store_letters (
	decision_id TEXT PRIMARY KEY,
	share TEXT NOT NULL,
	bytes INTEGER NOT NULL,
	payload BLOB NOT NULL,
	properties BLOB NOT NULL
) STRICT;

CREATE INDEX "store_letters.share" ON store_letters (share, decision_id, bytes);

ALTER TABLE refusals ADD COLUMN resent TEXT NOT NULL DEFAULT '';

CREATE TRIGGER store_letter_removed AFTER DELETE ON refusals BEGIN
	DELETE FROM store_letters WHERE decision_id = old.decision_id;
END;
