-- Whether an accepted message was a last will. What came before this column says no.
ALTER TABLE events ADD COLUMN will INTEGER NOT NULL DEFAULT 0;
