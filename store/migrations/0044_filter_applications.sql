-- The applications whose messages a filter is asked about, as a JSON list of ids; NULL for
-- all.

ALTER TABLE plugin_instances ADD COLUMN filter_applications TEXT;
