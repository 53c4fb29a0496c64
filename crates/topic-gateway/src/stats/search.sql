-- A page wherever it is: jobs below $1, newest first, whose runs began within $2 and $3; at most $4 rows. The planner
-- chooses between the times of the runs and whole tables; "+ 0" keeps it from walking the whole primary key.
WITH page AS MATERIALIZED (
    SELECT job.internal_id
    FROM public_cps_za_runs_jobs job
    WHERE job.internal_id < $1
    AND EXISTS (
        SELECT FROM public_cps_za_runs run
        WHERE run.event_id = job.event_id AND run.timestamp_start BETWEEN $2 AND $3
    )
    ORDER BY job.internal_id + 0 DESC LIMIT $4
)
-- An event that was stored twice has two runs, and each job still one row.
SELECT DISTINCT ON (job.internal_id)
    run.event_id, run.job_ref, run.tenant_id, run.source_app, run.source_app_version, run.environment,
    run.timestamp_start AS run_timestamp_start, run.timestamp_end AS run_timestamp_end,
    job.internal_id::bigint AS internal_id, job.country, job.catalog_id, job.status,
    job.timestamp_start, job.timestamp_end, job.message, job.additional_info::text AS additional_info
FROM page
JOIN public_cps_za_runs_jobs job USING (internal_id)
JOIN public_cps_za_runs run ON run.event_id = job.event_id AND run.timestamp_start BETWEEN $2 AND $3
ORDER BY job.internal_id DESC, run.timestamp_start DESC
