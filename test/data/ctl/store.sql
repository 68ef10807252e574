-- A database as the plugin leaves it after a short life under shop-1.asyncapi.json.
PRAGMA application_id = 1348817748;
PRAGMA user_version = 4;
INSERT INTO store (one, identity, applied_seq, made_at) VALUES (1, '00112233445566778899aabbccddeeff', 5, '2026-01-15T10:00:00.000Z');
INSERT INTO store_names VALUES (1, 'orders', ''), (2, 'orders', 'status');
CREATE TABLE "orders" (id TEXT NOT NULL PRIMARY KEY, owner TEXT, revision INTEGER NOT NULL,
	created_at TEXT NOT NULL, updated_at TEXT NOT NULL, "status" TEXT) STRICT, WITHOUT ROWID;
INSERT INTO orders VALUES
	('o-1', 'ann', 2, '2026-01-15T10:00:01.000Z', '2026-01-15T10:00:04.000Z', 'SENT'),
	('o-2', 'tom', 2, '2026-01-15T10:00:02.000Z', '2026-01-15T10:00:05.000Z', 'CANCELLED');
INSERT INTO events (seq, received_at, topic, publisher, client_id, qos, retained, payload, will) VALUES
	(1, '2026-01-15T10:00:01.000Z', 'orders/o-1/status', 'bob', 'till-1', 1, 0,
	 '{"orderId":"o-1","status":"PLACED","userId":"ann"}', 0),
	(2, '2026-01-15T10:00:02.000Z', 'orders/o-2/status', 'bob', 'till-1', 1, 0,
	 '{"orderId":"o-2","status":"PLACED","userId":"tom"}', 0),
	(3, '2026-01-15T10:00:03.000Z', 'notes/monday', 'bob', 'till-2', 0, 1, '"closed"', 1),
	(4, '2026-01-15T10:00:04.000Z', 'orders/o-1/status', 'bob', 'till-1', 1, 0,
	 '{"orderId":"o-1","status":"SENT"}', 0),
	(5, '2026-01-15T10:00:05.000Z', 'orders/o-2/status', 'bob', 'till-1', 1, 0,
	 '{"orderId":"o-2","status":"CANCELLED"}', 0);
INSERT INTO refusals (seq, decision_id, time, action, reason, observed, client_id, principal,
	address, topic, qos, retained, pointer, keyword, message, standing, payload, payload_bytes)
	VALUES
	(1, '06c5w3z8m4k00001', '2026-01-15T10:00:01.500Z', 'publish', 'transition-illegal', 0,
	 'till-1', 'bob', '127.0.0.1', 'orders/o-1/status', 1, 0, '/status', 'transition',
	 'order is PLACED: SENT, CANCELLED may follow, not PLACED', 'PLACED',
	 '{"orderId":"o-1","status":"SENT","colour":"red"}', 48),
	(2, '06c5w3z8m4k00002', '2026-01-15T10:00:02.500Z', 'publish', 'payload-not-json', 0,
	 'till-2', 'bob', '127.0.0.1', 'notes/friday', 0, 0, '', '', 'at byte 0: not JSON', '',
	 x'ff00', 2),
	(3, '06c5w3z8m4k00003', '2026-01-15T10:00:02.600Z', 'subscribe', 'scope-missing', 0,
	 'phone', 'ann', '10.0.0.9', 'refusals/till-1', 1, 0, '', '', 'no scope', '', NULL, 0),
	(4, '06c5w3z8m4k00004', '2026-01-15T10:00:02.700Z', 'publish', 'schema-violation', 1,
	 char(27) || '[31mred', 'bob', '10.0.0.9', 'notes/' || char(8232), 1, 0, '', 'type',
	 'is no string', '', '{', 100),
	(5, '06c5w3z8m4k00005', '2026-01-15T10:00:02.800Z', 'publish', 'store-unavailable', 0,
	 'till-1', 'bob', '127.0.0.1', 'orders/o-3/status', 1, 0, '', '',
	 'the write cannot be kept now, try again later', '',
	 '{"orderId":"o-3","status":"PLACED","userId":"tom"}', 50);
INSERT INTO alerts (seq, time, kind, state, client_id, principal, address, document) VALUES
	(1, '2026-01-15T10:00:02.000Z', 'refusal-streak', 'raised', 'till-1', 'bob', '127.0.0.1',
	 '{"kind":"refusal-streak"}'),
	(2, '2026-01-15T10:00:03.000Z', 'login-failures', 'raised', 'phone', 'ann', '10.0.0.9',
	 '{"kind":"login-failures","title":"Many failed logins","detail":"7 in a minute","evidence":{"threshold":5}}'),
	(3, '2026-01-15T10:00:04.000Z', 'refusal-streak', 'cleared', 'till-1', 'bob', '127.0.0.1',
	 '{"kind":"refusal-streak"}');
UPDATE refusals SET closed = 1 WHERE reason = 'store-unavailable';

UPDATE events SET revision = 2 WHERE seq = 4;
