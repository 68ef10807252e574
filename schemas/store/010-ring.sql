-- Which journal the database is in use with: the ring's number, 16 hexadecimal digits. '' says that
-- none may hold writes that are not here: the broker was stopped, and the journal was empty. NULL: not known.
ALTER TABLE store ADD COLUMN ring TEXT;
