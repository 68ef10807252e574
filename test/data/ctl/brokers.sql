-- A table of brokers as PostgreSQL has it, of one that is alive, one that is silent and one that was stopped.
CREATE TABLE brokers (name TEXT PRIMARY KEY, instance TEXT, host TEXT, started_at TEXT, seen_at INTEGER,
	version INTEGER, applied_seq INTEGER, strict_seq INTEGER, ring TEXT, clock_at TEXT,
	waiting INTEGER, lag_ms INTEGER, overruled INTEGER);
INSERT INTO brokers VALUES
	('broker-b', '00000000000000bb', 'two', '2026-01-15T10:00:01.000Z', 1768471200000, 1, 17, -3, NULL, NULL, 12, 2340, 2),
	('broker-c', '00000000000000cc', 'three', '2026-01-15T10:00:02.000Z', 0, 1, 9, 0, NULL, NULL, 0, 0, 0),
	('broker-a', '00000000000000aa', 'one', '2026-01-15T10:00:00.000Z', CAST(strftime('%s', 'now') AS INTEGER) * 1000 + 500000, 1, 204817, -40, NULL, NULL, 0, 0, 0);
