-- What was refused, or would have been, newest last. Rows come a moment after the refusal and
-- may be missing where more came than the store keeps up with. The payload is as much of it
-- as the options allow, NULL where that is nothing; payload_bytes is what it had.
CREATE TABLE refusals (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	decision_id TEXT NOT NULL,
	time TEXT NOT NULL,
	action TEXT NOT NULL,
	reason TEXT NOT NULL,
	observed INTEGER NOT NULL,
	client_id TEXT NOT NULL,
	principal TEXT NOT NULL,
	address TEXT NOT NULL,
	topic TEXT NOT NULL,
	qos INTEGER NOT NULL,
	retained INTEGER NOT NULL,
	pointer TEXT NOT NULL,
	keyword TEXT NOT NULL,
	message TEXT NOT NULL,
	standing TEXT NOT NULL,
	payload ANY,
	payload_bytes INTEGER NOT NULL
) STRICT;

CREATE INDEX "refusals.decision_id" ON refusals (decision_id);
CREATE INDEX "refusals.client_id" ON refusals (client_id);
