-- Messages that a filter dropped, or that were refused because a filter failed,
-- as that filter was given them. They are kept for a while, so that their user
-- can look at them and restore them.

CREATE TABLE dropped_messages (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title          TEXT    NOT NULL,
    body           TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    -- A JSON object as text.
    extras         TEXT,
    created_ms     INTEGER NOT NULL,
    -- 1 for a message that was refused, 0 for one that was dropped.
    refused        INTEGER NOT NULL,
    -- The plugin whose filter it was: the manifest's id, its name, and its
    -- number among its user's plugins.
    plugin         TEXT    NOT NULL,
    plugin_name    TEXT    NOT NULL,
    instance_id    INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    -- JSON, as in `messages`.
    trace          TEXT
) STRICT;

CREATE INDEX dropped_messages_of_user ON dropped_messages (user_id, refused, id);
CREATE INDEX dropped_messages_by_age ON dropped_messages (created_ms);
CREATE INDEX dropped_messages_of_application ON dropped_messages (application_id);
