-- Where the server stands in front of a Gotify: the application there of each
-- application here.

CREATE TABLE upstream_applications (
    application_id INTEGER PRIMARY KEY REFERENCES applications (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- Its number there.
    upstream_id    INTEGER NOT NULL UNIQUE,
    -- The token of one that was made for a plugin; none for the user's own.
    token          TEXT
) STRICT;
