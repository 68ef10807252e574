-- digest: 64 bits of topic and payload, under a number of this database's own (equal bytes have equal
-- ones here, and nowhere else). revision: the entity's, after this write. origin: which broker
-- accepted it. NULL where that is not known, as in what came before these columns.
ALTER TABLE events ADD COLUMN digest INTEGER;
ALTER TABLE events ADD COLUMN revision INTEGER;
ALTER TABLE events ADD COLUMN origin TEXT;
