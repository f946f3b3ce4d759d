-- The number of plugins that a message has passed through: it ends plugins that
-- answer each other without end.

ALTER TABLE messages ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
