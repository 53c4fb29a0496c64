-- The five tables of the topics.
SET ROLE eventgate_owner;

CREATE TABLE public_cps_za_runs (
    event_id varchar(255) NOT NULL,
    job_ref varchar(255) NOT NULL,
    tenant_id varchar(255) NOT NULL,
    source_app varchar(255) NOT NULL,
    source_app_version varchar(255) NOT NULL,
    environment varchar(255) NOT NULL,
    timestamp_start bigint,
    timestamp_end bigint
);

CREATE TABLE public_cps_za_runs_jobs (
    internal_id serial PRIMARY KEY,
    event_id varchar(255) NOT NULL,
    country varchar(255),
    catalog_id varchar(255) NOT NULL,
    status varchar(50) NOT NULL,
    timestamp_start bigint,
    timestamp_end bigint,
    message text,
    additional_info jsonb
);

CREATE TABLE public_cps_za_dlchange (
    event_id varchar(255) NOT NULL,
    tenant_id varchar(255) NOT NULL,
    source_app varchar(255) NOT NULL,
    source_app_version varchar(255) NOT NULL,
    environment varchar(255) NOT NULL,
    timestamp_event bigint,
    country varchar(255),
    catalog_id varchar(255) NOT NULL,
    operation varchar(255),
    location text,
    format varchar(255),
    format_options jsonb,
    additional_info jsonb
);

CREATE TABLE public_cps_za_test (
    event_id varchar(255) NOT NULL,
    tenant_id varchar(255) NOT NULL,
    source_app varchar(255) NOT NULL,
    environment varchar(255) NOT NULL,
    timestamp_event bigint,
    additional_info jsonb
);

CREATE TABLE public_cps_za_status_change_aggregated_job (
    job_id uuid PRIMARY KEY,
    job_group_id uuid,
    parent_job_id uuid,
    initial_job_id uuid,
    job_ref text,
    job_name text,
    definition_id text,
    definition_version text,
    tenant_id text,
    country text,
    source_app text,
    source_app_version text,
    environment text,
    platform text,
    platform_metadata jsonb,
    input_arguments jsonb,
    additional_context jsonb,
    attempt_number int NOT NULL DEFAULT 1 CHECK (attempt_number > 0),
    status_type text CHECK (status_type IN ('WAITING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'KILLED')),
    status_subtype text,
    status_detail text,
    created_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    last_updated_at timestamptz NOT NULL
);

RESET ROLE;
