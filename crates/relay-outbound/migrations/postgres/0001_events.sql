-- The table of events. `{table}` is the route's `sink.postgres.table`. Every statement may run again.
CREATE TABLE IF NOT EXISTS {table} (
    ce_source text NOT NULL,
    ce_id text NOT NULL,
    ce_type text NOT NULL,
    ce_subject text,
    -- The attribute `time`, where PostgreSQL has such a time; as it was written it stands in `attributes`.
    ce_time timestamptz,
    -- Every attribute of the event, extensions included, as it was written.
    attributes jsonb NOT NULL,
    -- The payload: JSON as it is, text as a JSON string.
    data jsonb,
    -- A payload that jsonb cannot hold, as bytes: binary data, or text with a NUL in it.
    data_bytes bytea,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ce_source, ce_id),
    CHECK (data IS NULL OR data_bytes IS NULL)
);
