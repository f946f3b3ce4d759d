-- The traces of calls of users' plugins: deliveries to listeners, timers and webhooks.

CREATE TABLE call_traces (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id INTEGER NOT NULL REFERENCES plugin_instances (id) ON DELETE CASCADE,
    started_ms INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    trace TEXT NOT NULL
);

CREATE INDEX call_traces_of_instance ON call_traces (instance_id, id);
