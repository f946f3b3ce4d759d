-- Where the server stands in front of a Gotify: the newest message there, by its number
-- there, that listeners of a user here have been given.

CREATE TABLE upstream_followed (
    user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    message INTEGER NOT NULL
) STRICT;
