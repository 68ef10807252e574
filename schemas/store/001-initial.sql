-- The store's own tables. Tables of entities (orders, payments, ...) are made from the
-- contract. STRICT and ANY are left out where SQLite is older than 3.37.

-- One row: which database this is, and the last journal record that is in it.
CREATE TABLE store (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	identity TEXT NOT NULL,
	applied_seq INTEGER NOT NULL,
	made_at TEXT NOT NULL
) STRICT;

-- The permanent numbers of tables (column_name '') and columns: the journal names them so.
CREATE TABLE store_names (
	number INTEGER PRIMARY KEY,
	table_name TEXT NOT NULL,
	column_name TEXT NOT NULL,
	UNIQUE (table_name, column_name)
) STRICT;

-- What was accepted, in the order in which it was; seq is the journal record's number. A
-- payload is TEXT, or a BLOB where it is not UTF-8.
CREATE TABLE events (
	seq INTEGER PRIMARY KEY,
	received_at TEXT NOT NULL,
	topic TEXT NOT NULL,
	publisher TEXT NOT NULL,
	client_id TEXT NOT NULL,
	qos INTEGER NOT NULL,
	retained INTEGER NOT NULL,
	payload ANY NOT NULL
) STRICT;

CREATE INDEX "events.topic" ON events (topic);
CREATE INDEX "events.received_at" ON events (received_at);
