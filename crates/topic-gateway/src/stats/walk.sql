-- A page near its beginning: jobs below $1 in the order of the primary key, newest first, each with its run if that began
-- within $2 and $3; at most $4 rows. It costs the same wherever it begins, and ends after 10,000 jobs whatever it found.
--
-- Each run is looked up by its event, and by nothing else: "+ 0" keeps the planner from the index of times. Where there is
-- no index of events, nothing is found here.
SELECT
    run.event_id, run.job_ref, run.tenant_id, run.source_app, run.source_app_version, run.environment,
    run.timestamp_start AS run_timestamp_start, run.timestamp_end AS run_timestamp_end,
    job.internal_id::bigint AS internal_id, job.country, job.catalog_id, job.status,
    job.timestamp_start, job.timestamp_end, job.message, job.additional_info::text AS additional_info
FROM (
    SELECT * FROM public_cps_za_runs_jobs
    WHERE internal_id < $1
    AND EXISTS (
        SELECT FROM pg_index index
        JOIN pg_attribute first ON first.attrelid = index.indrelid AND first.attnum = index.indkey[0]
        WHERE index.indrelid = 'public_cps_za_runs'::regclass AND first.attname = 'event_id'
        AND index.indisvalid AND index.indpred IS NULL
    )
    ORDER BY internal_id DESC LIMIT 10000
) job
-- An event that was stored twice has two runs, and each job still one row.
CROSS JOIN LATERAL (
    SELECT * FROM public_cps_za_runs
    WHERE event_id = job.event_id AND timestamp_start + 0 BETWEEN $2 AND $3
    ORDER BY timestamp_start + 0 DESC LIMIT 1
) run
ORDER BY job.internal_id DESC LIMIT $4
