-- What the server keeps for each user's plugin. Its applications are rows of
-- `applications` that name the instance.

CREATE TABLE plugin_instances (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- The manifest's id.
    plugin        TEXT    NOT NULL,
    -- The secret part of the webhook address. As text, not as a hash: the
    -- owner is shown it whenever the plugin is listed, as in Gotify, and what
    -- it opens is one webhook, which is meant to be pasted into other systems.
    token         TEXT    NOT NULL UNIQUE,
    -- Byte for byte as the user saved it; none for the plugin's defaults.
    config        TEXT,
    enabled       INTEGER NOT NULL DEFAULT 0,
    -- Its filter's place in the user's chain; ties go by id.
    filter_order  INTEGER NOT NULL DEFAULT 0,
    -- Refuse a message when this filter fails, instead of skipping the filter.
    fail_closed   INTEGER NOT NULL DEFAULT 0,
    -- The listener has been given every message up to this one.
    cursor        INTEGER NOT NULL DEFAULT 0,
    -- Sum of keys and values in plugin_storage, kept with every change so that
    -- the quota costs no scan.
    storage_bytes INTEGER NOT NULL DEFAULT 0,
    -- Why it was disabled by the server, or failed last; none when all is well.
    last_error    TEXT,
    created_ms    INTEGER NOT NULL,
    UNIQUE (user_id, plugin)
) STRICT;

CREATE TABLE plugin_storage (
    instance_id INTEGER NOT NULL REFERENCES plugin_instances (id) ON DELETE CASCADE,
    key         TEXT    NOT NULL,
    value       BLOB    NOT NULL,
    UNIQUE (instance_id, key)
) STRICT;

CREATE TABLE plugin_timers (
    instance_id INTEGER NOT NULL REFERENCES plugin_instances (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    -- The contract's `schedule` as JSON.
    schedule    TEXT    NOT NULL,
    next_ms     INTEGER NOT NULL,
    PRIMARY KEY (instance_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX plugin_timers_due ON plugin_timers (next_ms);

-- Messages that a listener failed on again and again, so that those behind
-- them could go on.
CREATE TABLE plugin_set_aside (
    instance_id INTEGER NOT NULL REFERENCES plugin_instances (id) ON DELETE CASCADE,
    message_id  INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    attempts    INTEGER NOT NULL,
    error       TEXT    NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (instance_id, message_id)
) STRICT, WITHOUT ROWID;
