-- What is retained on each topic of a channel that keeps events or a state, as it was accepted last.
-- payload is NULL where it was cleared: the broker may have an older one back after it was killed.
-- properties are those of MQTT 5 that stay with a message, as they are on the wire (MQTT 5, 2.2.2), or
-- NULL. seq is the journal record's number.
CREATE TABLE retained (
	topic TEXT PRIMARY KEY NOT NULL,
	payload ANY,
	qos INTEGER NOT NULL,
	received_at TEXT NOT NULL,
	publisher TEXT NOT NULL,
	properties BLOB,
	seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX "retained.cleared" ON retained (received_at) WHERE payload IS NULL;
