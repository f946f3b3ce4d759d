-- What is known of each installed plugin, so that nothing has to be loaded to
-- know it: the file in the plugins folder as it was when it was last accepted,
-- and the versions that run and ran, which are kept in a folder of their own.

CREATE TABLE installed_plugins (
    -- The manifest's id.
    id          TEXT    PRIMARY KEY,
    -- File name in the plugins folder.
    file        TEXT    NOT NULL,
    -- JSON of what the file system said of the file; none when the file was
    -- removed, and the plugin waits for its return.
    identity    TEXT,
    -- JSON of the version that runs: file name, manifest, backend, digest,
    -- capabilities.
    version     TEXT    NOT NULL,
    -- The same of the version before; none if there is none.
    previous    TEXT,
    -- When it was first installed, and when the version that runs came.
    created_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
