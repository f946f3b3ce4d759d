-- The time at which a message is deleted, in milliseconds since the epoch; NULL for never.
-- And the time zone that a user has chosen for timers; NULL for the server's.

ALTER TABLE messages ADD COLUMN expires_ms INTEGER;
CREATE INDEX messages_expiring ON messages (expires_ms) WHERE expires_ms IS NOT NULL;

ALTER TABLE users ADD COLUMN time_zone TEXT;
