-- What `event-bus routes migrate status-change --print` shows, for the owner to run.
SET ROLE eventgate_owner;

-- From which event each value of a merged row comes. Only relays write here, together with the rows.
CREATE TABLE "event_bus_merge_stamps" (
    -- The merged table, with its schema.
    target text NOT NULL,
    -- The row: its key as text, or a JSON array of texts if it has several columns.
    key text NOT NULL,
    -- "events" [time, recordedtime, id, source], and their places by column and by member of merged objects.
    stamps jsonb NOT NULL,
    PRIMARY KEY (target, key)
);

RESET ROLE;
