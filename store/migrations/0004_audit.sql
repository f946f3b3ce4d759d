-- Who did what about plugins, and when. Rows name users without a reference:
-- what a user did stays when the user is gone.

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    created_ms INTEGER NOT NULL,
    -- `user`, `command line`, `folder` or `server`.
    actor      TEXT    NOT NULL,
    -- Who it was, of the first two.
    user_id    INTEGER,
    user_name  TEXT,
    action     TEXT    NOT NULL,
    -- The manifest's id.
    plugin     TEXT    NOT NULL,
    -- A JSON object, by the action.
    details    TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_of_plugin ON audit (plugin, id);
