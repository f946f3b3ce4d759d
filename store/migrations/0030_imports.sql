-- What was imported from other servers' databases, so that an import that was
-- interrupted goes on, and one that is repeated adds only what is new there.

CREATE TABLE imports (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The path of the database at the last run.
    path          TEXT    NOT NULL,
    -- All messages there up to this one are here, or were.
    messages_upto INTEGER NOT NULL DEFAULT 0,
    started_ms    INTEGER NOT NULL,
    -- None while a run is under way, or after one that was interrupted.
    finished_ms   INTEGER
) STRICT;

-- A row of the other database, and the row here that it became. There is no
-- reference to the row here: one that was deleted here stays deleted.
CREATE TABLE imported (
    import_id INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    -- `user`, `application`, `client` or `plugin`.
    kind      TEXT    NOT NULL,
    theirs    INTEGER NOT NULL,
    ours      INTEGER NOT NULL,
    -- The hash of its token; none for a user.
    token     BLOB,
    PRIMARY KEY (import_id, kind, theirs)
) STRICT, WITHOUT ROWID;

CREATE INDEX imported_by_token ON imported (token);
