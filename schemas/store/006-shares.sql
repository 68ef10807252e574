-- Who has how many rows of refusals and alerts: whoever has most of them loses its own oldest
-- first. share is 'user NAME' for a principal that proved who it is, 'from NETWORK' for a peer that
-- did not; of rows that were there before it is a guess. '*' counts all, '*user' and '*from' those of
-- each kind.
ALTER TABLE refusals ADD COLUMN share TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN share TEXT NOT NULL DEFAULT '';

UPDATE refusals SET share = CASE WHEN action = 'connect' OR principal = ''
	THEN 'from ' || address ELSE 'user ' || principal END;
UPDATE alerts SET share = CASE WHEN kind = 'user-attack' OR principal = ''
	THEN 'from ' || address ELSE 'user ' || principal END;

CREATE TABLE store_refusal_shares (share TEXT PRIMARY KEY, rows INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE store_alert_shares (share TEXT PRIMARY KEY, rows INTEGER NOT NULL) STRICT, WITHOUT ROWID;

INSERT INTO store_refusal_shares SELECT share, count(*) FROM refusals GROUP BY share;
INSERT INTO store_refusal_shares SELECT '*', count(*) FROM refusals;
INSERT INTO store_refusal_shares SELECT '*user', count(*) FROM refusals WHERE share LIKE 'user %';
INSERT INTO store_refusal_shares SELECT '*from', count(*) FROM refusals WHERE share LIKE 'from %';
INSERT INTO store_alert_shares SELECT share, count(*) FROM alerts GROUP BY share;
INSERT INTO store_alert_shares SELECT '*', count(*) FROM alerts;
INSERT INTO store_alert_shares SELECT '*user', count(*) FROM alerts WHERE share LIKE 'user %';
INSERT INTO store_alert_shares SELECT '*from', count(*) FROM alerts WHERE share LIKE 'from %';

CREATE INDEX "refusals.share" ON refusals (share, seq);
CREATE INDEX "alerts.share" ON alerts (share, seq);
CREATE INDEX "store_refusal_shares.rows" ON store_refusal_shares (substr(share, 1, 4), rows);
CREATE INDEX "store_alert_shares.rows" ON store_alert_shares (substr(share, 1, 4), rows);

CREATE TRIGGER store_refusal_added AFTER INSERT ON refusals BEGIN
	INSERT INTO store_refusal_shares VALUES (new.share, 1)
		ON CONFLICT (share) DO UPDATE SET rows = rows + 1;
	UPDATE store_refusal_shares SET rows = rows + 1
		WHERE share IN ('*', '*' || substr(new.share, 1, 4));
END;
CREATE TRIGGER store_refusal_removed AFTER DELETE ON refusals BEGIN
	UPDATE store_refusal_shares SET rows = rows - 1
		WHERE share IN ('*', '*' || substr(old.share, 1, 4), old.share);
	DELETE FROM store_refusal_shares WHERE share = old.share AND rows <= 0;
END;
CREATE TRIGGER store_alert_added AFTER INSERT ON alerts BEGIN
	INSERT INTO store_alert_shares VALUES (new.share, 1)
		ON CONFLICT (share) DO UPDATE SET rows = rows + 1;
	UPDATE store_alert_shares SET rows = rows + 1
		WHERE share IN ('*', '*' || substr(new.share, 1, 4));
END;
CREATE TRIGGER store_alert_removed AFTER DELETE ON alerts BEGIN
	UPDATE store_alert_shares SET rows = rows - 1
		WHERE share IN ('*', '*' || substr(old.share, 1, 4), old.share);
	DELETE FROM store_alert_shares WHERE share = old.share AND rows <= 0;
END;
