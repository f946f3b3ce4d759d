-- The registry that the newest version of a plugin came from, as JSON: its
-- reference and the digests of the version; none for another source.

ALTER TABLE installed_plugins ADD COLUMN source TEXT;
