-- What a bridge's user, a peer, brought. taken_over: 1 where it was trusted on the topic, and its broker had
-- decided. peer_publisher: who published it there, as that broker says. NULL in all other events.
ALTER TABLE events ADD COLUMN taken_over INTEGER;
ALTER TABLE events ADD COLUMN peer_publisher TEXT;
