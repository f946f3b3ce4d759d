-- The stored message that a dropped change would have changed; NULL for a new message.
-- Without a reference: the message may be deleted meanwhile.

ALTER TABLE dropped_messages ADD COLUMN updates INTEGER;
