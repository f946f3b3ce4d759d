-- Deleting a message looks for it here.
CREATE INDEX plugin_set_aside_of_message ON plugin_set_aside (message_id);

-- Entries are bounded for each user.
CREATE INDEX audit_of_user ON audit (actor, user_id, id);
