-- Deleting a message looks for it here.
CREATE INDEX plugin_set_aside_of_message ON plugin_set_aside (message_id);

-- Entries are bounded for each user.
CREATE INDEX audit_of_user ON audit (actor, user_id, id);

-- Plugins that were uninstalled. Their grants and users belong to their author:
-- another file with the id is asked for anew, and a copy that was left in the
-- plugins folder is not loaded.
CREATE TABLE departed_plugins (
    -- The manifest's id.
    id          TEXT    PRIMARY KEY,
    -- The trusted key of its signature; none if there was none.
    key         TEXT,
    -- The digest of its last version.
    digest      TEXT    NOT NULL,
    departed_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
