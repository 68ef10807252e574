-- The last time at which the clock was believed, see what is said of plugin_opt_events_keep_days: by
-- it a clock that is wrong after a start is told. NULL: not known.
ALTER TABLE store ADD COLUMN clock_at TEXT;
