-- The messages of an application that are kept, beside what the settings keep: the time in
-- milliseconds, and the number of the newest ones; NULL for no bound.

ALTER TABLE applications ADD COLUMN keep_messages_for_ms INTEGER;
ALTER TABLE applications ADD COLUMN keep_messages INTEGER;
