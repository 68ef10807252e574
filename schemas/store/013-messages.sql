-- Which of its channel's messages, by its name in the contract. events: NULL where that is not known, as
-- in what came before this column. refusals: the one that it is nearest to; '' where none is known.
ALTER TABLE events ADD COLUMN message TEXT;
ALTER TABLE refusals ADD COLUMN message_name TEXT NOT NULL DEFAULT '';
