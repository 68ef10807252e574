-- Unusual patterns that were raised and cleared, newest last; the document is what was published.
-- Kept as long as refusals are.
CREATE TABLE alerts (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	time TEXT NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	client_id TEXT NOT NULL,
	principal TEXT NOT NULL,
	address TEXT NOT NULL,
	document TEXT NOT NULL
) STRICT;

CREATE INDEX "alerts.kind" ON alerts (kind);
