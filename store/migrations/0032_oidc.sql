-- Users of an OpenID provider. A user has at most one identity there.

CREATE TABLE identities (
    -- The issuer, `#`, and the subject, as in Gotify.
    identity TEXT    PRIMARY KEY,
    user_id  INTEGER NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
