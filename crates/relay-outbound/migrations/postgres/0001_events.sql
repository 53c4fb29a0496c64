-- CloudEvents, one row each. (ce_source, ce_id) names an event: a second delivery of it changes nothing.
CREATE TABLE {table} (
    ce_source text NOT NULL,
    ce_id text NOT NULL,
    ce_type text NOT NULL,
    ce_subject text,
    -- The instant, to the microsecond; null for years that PostgreSQL cannot read.
    ce_time timestamptz,
    -- The same as the producer wrote it.
    ce_time_text text,
    datacontenttype text,
    dataschema text,
    extensions jsonb NOT NULL,
    -- Null: no data. 'json': in data. 'json-text', 'text': in data_text. 'text-bytes' (UTF-8), 'bytes': in data_bytes.
    data_form text,
    data jsonb,
    data_text text,
    data_bytes bytea,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (ce_source, ce_id)
);
