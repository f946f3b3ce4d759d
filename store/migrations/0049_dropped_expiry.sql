-- The time at which a dropped message is deleted once it is restored, in milliseconds since the
-- epoch; NULL for never. A dropped change gives its message this time only where `sets_expiry`
-- is 1.

ALTER TABLE dropped_messages ADD COLUMN expires_ms INTEGER;
ALTER TABLE dropped_messages ADD COLUMN sets_expiry INTEGER NOT NULL DEFAULT 0;
