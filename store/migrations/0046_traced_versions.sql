-- The versions of plugins in the traces of messages. A trace names one by its number: it
-- has a number for each filter, and there may be a hundred thousand traces.

CREATE TABLE traced_versions (
    id      INTEGER PRIMARY KEY,
    -- The manifest's id.
    plugin  TEXT NOT NULL,
    -- The plugin's name.
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    UNIQUE (plugin, name, version)
) STRICT;
