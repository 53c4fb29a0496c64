-- What the writer and the reader may do, in tables to come as well.
GRANT SELECT, INSERT, UPDATE ON
    public_cps_za_runs, public_cps_za_runs_jobs, public_cps_za_dlchange, public_cps_za_test,
    public_cps_za_status_change_aggregated_job
TO eventgate_writer;
GRANT USAGE, SELECT ON SEQUENCE public_cps_za_runs_jobs_internal_id_seq TO eventgate_writer;
GRANT SELECT ON
    public_cps_za_runs, public_cps_za_runs_jobs, public_cps_za_dlchange, public_cps_za_test,
    public_cps_za_status_change_aggregated_job
TO eventgate_reader;

ALTER DEFAULT PRIVILEGES FOR ROLE eventgate_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE ON TABLES TO eventgate_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE eventgate_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO eventgate_writer;
ALTER DEFAULT PRIVILEGES FOR ROLE eventgate_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO eventgate_reader;

-- The history of the migrations is nobody else's.
DO $$
BEGIN
    IF to_regclass('public.flyway_schema_history') IS NOT NULL THEN
        REVOKE ALL ON public.flyway_schema_history FROM PUBLIC, eventgate_writer, eventgate_reader;
    END IF;
END $$;
