-- Times are milliseconds since the Unix epoch; secrets are stored as hashes.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    admin         INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE clients (
    id                    INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id               INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash            BLOB    NOT NULL UNIQUE,
    name                  TEXT    NOT NULL,
    created_ms            INTEGER NOT NULL,
    last_used_ms          INTEGER,
    -- 0: never.
    expires_after_seconds INTEGER NOT NULL DEFAULT 0,
    elevated_until_ms     INTEGER
) STRICT;

CREATE INDEX clients_of_user ON clients (user_id);

CREATE TABLE applications (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id            INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- None for an application of a plugin: nobody sends to it from outside.
    token_hash         BLOB    UNIQUE,
    name               TEXT    NOT NULL,
    description        TEXT    NOT NULL,
    default_priority   INTEGER NOT NULL,
    -- Fractional index: applications are shown in its order.
    sort_key           TEXT    NOT NULL,
    -- File name in the images folder; none for the default image.
    image              TEXT,
    created_ms         INTEGER NOT NULL,
    last_used_ms       INTEGER,
    -- Set when the application belongs to a plugin: which instance, and which
    -- of its applications (empty for the main one).
    plugin_instance_id INTEGER,
    plugin_key         TEXT,
    UNIQUE (user_id, sort_key),
    UNIQUE (plugin_instance_id, plugin_key)
) STRICT;

CREATE TABLE messages (
    -- AUTOINCREMENT: an id is never used twice, so cursors stay valid.
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    application_id INTEGER NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    -- The application's user, repeated so that a user's list is one index scan.
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title          TEXT    NOT NULL,
    body           TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    -- A JSON object as text.
    extras         TEXT,
    created_ms     INTEGER NOT NULL,
    -- What each filter did, as JSON; none when none was asked.
    trace          TEXT
) STRICT;

CREATE INDEX messages_of_user ON messages (user_id, id);
CREATE INDEX messages_of_application ON messages (application_id, id);
