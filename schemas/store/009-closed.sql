-- Whether the client of a refused publish was disconnected for it, unacknowledged. What came before
-- this column says no.
ALTER TABLE refusals ADD COLUMN closed INTEGER NOT NULL DEFAULT 0;
