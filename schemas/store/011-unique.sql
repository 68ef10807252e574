-- 64 bits of what the contract says makes a message unique (x-unique), of its publisher and topic:
-- the newest of them are read at start. NULL where the contract does not say.
ALTER TABLE events ADD COLUMN unique_key INTEGER;

CREATE INDEX "events.unique_key" ON events (seq, unique_key, publisher) WHERE unique_key IS NOT NULL;
