-- What was asked when it was answered. The administrator's answers themselves
-- are in `grants.toml`; here is what each plugin asked when its entry there was
-- last changed or a version of it was approved, so that a version that asks
-- for more is told from one that was answered.

CREATE TABLE plugin_answers (
    -- The manifest's id.
    plugin      TEXT    PRIMARY KEY,
    -- JSON: the permissions that the administrator was asked for.
    asked       TEXT    NOT NULL,
    -- JSON: what was allowed.
    allowed     TEXT    NOT NULL,
    answered_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- JSON: what the user agreed to when they enabled it last. None for a plugin
-- that was never enabled.
ALTER TABLE plugin_instances ADD COLUMN consent TEXT;
